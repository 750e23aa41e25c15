import { ORDERS_CONTAINER, ORDERS_QUEUE } from '../../../src/storage/names.ts'
import { jsonObject } from './content.ts'
import { isSettled, statusIn } from './status.ts'
import type { Exchange, FaultKind, ProxiedRequest } from 'testkit/faultProxy'

/** A service of Azure Storage; `table` is wherever the records are, also if that is Cosmos DB. */
export type StorageService = 'blob' | 'queue' | 'table'

/** The traffic between the app and storage, as the proxies see it: independent of what the app reports. */
export interface Journal {
  /** Records one exchange. */
  note(service: StorageService, exchange: Exchange): void
  /** How often each fault was injected. */
  readonly faults: ReadonlyMap<FaultKind, number>
  /** Total of the storage requests. */
  requests(): number
  /** How often a write that makes the order processed succeeded. */
  processedWrites(id: string): number
  /** Ids of records that were changed or deleted after they were processed. */
  readonly writtenAfterProcessed: ReadonlySet<string>
  /** The highest dequeue count with which a message with this text was delivered. */
  deliveries(messageText: string): number
  /** The highest dequeue count of all messages. */
  mostDeliveries(): number
  /** How many requests took too long in storage itself. */
  slowResponses(): number
  /**
   * Whether a storage request for this order got a fault, or was too slow in storage itself, between these values of
   * `performance.now()`.
   */
  faultBetween(id: string, begun: number, ended: number): boolean
}

/** Takes the place of the order id in requests that create a table or a queue: every order depends on them. */
const SET_UP = '/'

/** The app's timeout of a storage operation is 2 s, for up to three attempts. */
const SLOW_RESPONSE_MS = 1000

/** An empty journal. */
export function createJournal(): Journal {
  const faults = new Map<FaultKind, number>()
  const processedWrites = new Map<string, number>()
  const writtenAfterProcessed = new Set<string>()
  const deliveries = new Map<string, number>()
  const faulted = new Map<string, { readonly begun: number; readonly ended: number }[]>()
  let mostDeliveries = 0
  let requests = 0
  let slowResponses = 0

  function noteWrite(id: string, request: ProxiedRequest): void {
    const before = processedWrites.get(id) ?? 0
    if (before > 0) writtenAfterProcessed.add(id)
    if (request.method !== 'DELETE' && isSettled(statusIn(jsonObject(request.body.toString())))) {
      processedWrites.set(id, before + 1)
    }
  }

  return {
    faults,
    writtenAfterProcessed,
    requests: () => requests,
    slowResponses: () => slowResponses,
    processedWrites: (id) => processedWrites.get(id) ?? 0,
    deliveries: (text) => deliveries.get(text) ?? 0,
    mostDeliveries: () => mostDeliveries,
    faultBetween: (id, begun, ended) =>
      [...(faulted.get(id) ?? []), ...(faulted.get(SET_UP) ?? [])].some(
        (fault) => fault.begun <= ended && fault.ended >= begun,
      ),

    note(service, { request, fault, response, begun }) {
      requests++
      const id = orderIdOf(service, request)
      if (fault !== 'pass') faults.set(fault, (faults.get(fault) ?? 0) + 1)
      const slow = fault === 'pass' && performance.now() - begun > SLOW_RESPONSE_MS
      if (slow) slowResponses++
      if (id !== undefined && (fault !== 'pass' || response === undefined || slow)) {
        const list = faulted.get(id) ?? []
        list.push({ begun, ended: performance.now() })
        faulted.set(id, list)
      }
      if (response === undefined || response.status >= 300) return
      if (service === 'table' && id !== undefined && request.method !== 'GET') noteWrite(id, request)
      if (service === 'queue' && request.method === 'GET' && isOfOrders(request.path)) {
        for (const { text, dequeueCount } of messagesIn(response.body)) {
          deliveries.set(text, Math.max(dequeueCount, deliveries.get(text) ?? 0))
          mostDeliveries = Math.max(mostDeliveries, dequeueCount)
        }
      }
    },
  }
}

/** Whether a request is about the messages of a queue of orders, and not of a poison queue. */
function isOfOrders(path: string): boolean {
  return new RegExp(`/${ORDERS_QUEUE}(-\\d+)?/messages`).test(path)
}

/** The id of the order that a storage request is about, if the request contains it. */
function orderIdOf(service: StorageService, { method, path, body }: ProxiedRequest): string | undefined {
  if (service === 'table') {
    if (path.startsWith('/dbs/')) return itemIdOf(path, body)
    const inPath = /RowKey='([^']*)'/.exec(decodeURIComponent(path))?.[1]
    return inPath ?? textProperty(body, 'RowKey') ?? SET_UP
  }
  if (service !== 'queue') return undefined
  if (!path.includes('/messages')) return SET_UP
  if (method !== 'POST') return undefined
  const text = /<MessageText>([^<]*)<\/MessageText>/.exec(body.toString())?.[1]
  return text === undefined ? undefined : textProperty(Buffer.from(text, 'base64'), 'id')
}

/** The id of the order that a request to Cosmos DB is about. Reading what has changed, and leases, are about none. */
function itemIdOf(path: string, body: Buffer): string | undefined {
  const [, container, items, id] = /^\/dbs\/[^/]+\/colls\/([^/]+)(\/docs)?(?:\/([^/]+))?$/.exec(path) ?? []
  if (items === undefined) return SET_UP
  return container === ORDERS_CONTAINER ? (id ?? textProperty(body, 'id')) : undefined
}

function textProperty(json: Buffer, name: string): string | undefined {
  const value = jsonObject(json.toString())?.[name]
  return typeof value === 'string' ? value : undefined
}

/** https://learn.microsoft.com/rest/api/storageservices/get-messages#response-body */
function messagesIn(xml: Buffer): { readonly text: string; readonly dequeueCount: number }[] {
  return [...xml.toString().matchAll(/<QueueMessage>.*?<\/QueueMessage>/gs)].map(([message]) => ({
    text: /<MessageText>(.*?)<\/MessageText>/s.exec(message)?.[1] ?? '',
    dequeueCount: Number(/<DequeueCount>(\d+)<\/DequeueCount>/.exec(message)?.[1]),
  }))
}
