import { jsonObject } from './content.ts'
import type { Exchange, FaultKind, ProxiedRequest } from 'testkit/faultProxy'

/** A service of Azure Storage. */
export type StorageService = 'blob' | 'queue' | 'table'

/** What went over the wire between the app and storage, read by the proxies: storage's own word, not the app's. */
export interface Journal {
  /** Takes down one exchange. */
  note(service: StorageService, exchange: Exchange): void
  /** How often each fault was done. */
  readonly faults: ReadonlyMap<FaultKind, number>
  /** Storage requests in all. */
  requests(): number
  /** How often storage took a write that made the order processed. */
  processedWrites(id: string): number
  /** Ids of records that were written or deleted after they were processed. */
  readonly writtenAfterProcessed: ReadonlySet<string>
  /** The highest dequeue count at which a message with this text was handed out. */
  deliveries(messageText: string): number
  /** The highest dequeue count of all. */
  mostDeliveries(): number
  /** How many requests storage itself took too long to answer. */
  slowAnswers(): number
  /**
   * Whether a storage request about this order met a fault, or storage itself was too slow, between these times of
   * `performance.now()`.
   */
  faultBetween(id: string, begun: number, ended: number): boolean
}

/** Stands for the order in requests that make a table or a queue: every order needs them. */
const SET_UP = '/'

/** The app gives a storage operation 2 s, in which it is tried up to three times. */
const SLOW_ANSWER_MS = 1000

/** An empty journal. */
export function createJournal(): Journal {
  const faults = new Map<FaultKind, number>()
  const processedWrites = new Map<string, number>()
  const writtenAfterProcessed = new Set<string>()
  const deliveries = new Map<string, number>()
  const faulted = new Map<string, { readonly begun: number; readonly ended: number }[]>()
  let requests = 0
  let slowAnswers = 0

  function noteWrite(id: string, request: ProxiedRequest): void {
    const before = processedWrites.get(id) ?? 0
    if (before > 0) writtenAfterProcessed.add(id)
    if (request.method !== 'DELETE' && statusIn(request.body) === 'processed') {
      processedWrites.set(id, before + 1)
    }
  }

  return {
    faults,
    writtenAfterProcessed,
    requests: () => requests,
    slowAnswers: () => slowAnswers,
    processedWrites: (id) => processedWrites.get(id) ?? 0,
    deliveries: (text) => deliveries.get(text) ?? 0,
    mostDeliveries: () => Math.max(0, ...deliveries.values()),
    faultBetween: (id, begun, ended) =>
      [...(faulted.get(id) ?? []), ...(faulted.get(SET_UP) ?? [])].some(
        (fault) => fault.begun <= ended && fault.ended >= begun,
      ),

    note(service, { request, fault, answer, begun }) {
      requests++
      const id = orderIdOf(service, request)
      if (fault !== 'pass') faults.set(fault, (faults.get(fault) ?? 0) + 1)
      const slow = fault === 'pass' && performance.now() - begun > SLOW_ANSWER_MS
      if (slow) slowAnswers++
      if (id !== undefined && (fault !== 'pass' || answer === undefined || slow)) {
        const list = faulted.get(id) ?? []
        list.push({ begun, ended: performance.now() })
        faulted.set(id, list)
      }
      if (answer === undefined || answer.status >= 300) return
      if (service === 'table' && id !== undefined && request.method !== 'GET') noteWrite(id, request)
      if (service === 'queue' && request.method === 'GET' && request.path.includes('/orders/messages')) {
        for (const { text, dequeueCount } of messagesIn(answer.body)) {
          deliveries.set(text, Math.max(dequeueCount, deliveries.get(text) ?? 0))
        }
      }
    },
  }
}

/** The order a storage request is about, where that can be told from it. */
function orderIdOf(service: StorageService, { method, path, body }: ProxiedRequest): string | undefined {
  if (service === 'table') {
    const inPath = /RowKey='([^']*)'/.exec(decodeURIComponent(path))?.[1]
    return inPath ?? textProperty(body, 'RowKey') ?? SET_UP
  }
  if (service !== 'queue') return undefined
  if (!path.includes('/messages')) return SET_UP
  if (method !== 'POST') return undefined
  const text = /<MessageText>([^<]*)<\/MessageText>/.exec(body.toString())?.[1]
  return text === undefined ? undefined : textProperty(Buffer.from(text, 'base64'), 'id')
}

function statusIn(body: Buffer): string | undefined {
  return textProperty(body, 'status')
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
