import { setTimeout as delay } from 'node:timers/promises'
import { ContainerClient } from '@azure/storage-blob'
import { QueueClient, QueueServiceClient, type StoragePipelineOptions } from '@azure/storage-queue'
import { IMPORT_REPORTS_CONTAINER, IMPORTS_CONTAINER, ORDERS_QUEUE } from '../../../src/storage/names.ts'
import { orderQueueOf } from '../../../src/storage/queues.ts'
import { jsonObject } from './content.ts'
import type { HttpClient } from './httpClient.ts'
import type { Call, Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import type { BadCall, FileSend, OrderSend, Send, Task } from './workload.ts'

/** The longest pause before a retry. */
const MAX_PAUSE_MS = 1000
/** A report must be there within this time: a run that failed is repeated. */
const REPORT_LIMIT_MS = 300_000

/** The clients: they send their tasks, retry as real clients do, and record what they receive. */
export interface Sender {
  /** Sends everything in a task concurrently. */
  send(task: Task): Promise<void>
}

/**
 * Makes the clients.
 *
 * @param options.queueConnection for messages with an id: through the fault proxy
 * @param options.directConnection for messages without an id: past the proxy, because a retry would be another order
 */
export function createSender(options: {
  readonly http: HttpClient
  readonly queueConnection: string
  readonly directConnection: string
  readonly ledger: Ledger
  readonly random: Random
  /**
   * Over how many queues some of the systems that push messages spread them, whatever the app's number is at the time; 1 without
   * it. The others push onto `orders`.
   */
  readonly queues?: number
  /** Ends the retries. */
  readonly signal: AbortSignal
}): Sender {
  const { http, ledger, random, signal, queues: spread = 1 } = options
  const queueOptions = (maxTries: number): StoragePipelineOptions => ({
    retryOptions: { maxTries, retryDelayInMs: 100, maxRetryDelayInMs: 400, tryTimeoutInMs: 2000 },
  })
  const queues = QueueServiceClient.fromConnectionString(options.queueConnection, queueOptions(3))
  const queue = queues.getQueueClient(ORDERS_QUEUE)
  const queueOf = (id: string) =>
    spread > 1 && random.chance(0.5) ? queues.getQueueClient(orderQueueOf(id, spread)) : queue
  const directQueue = new QueueClient(options.directConnection, ORDERS_QUEUE, queueOptions(1))
  const imports = new ContainerClient(options.directConnection, IMPORTS_CONTAINER)
  const reports = new ContainerClient(options.directConnection, IMPORT_REPORTS_CONTAINER)
  const pause = (attempt: number) =>
    delay(random.integer(20, Math.min(MAX_PAUSE_MS, 100 * 2 ** attempt)), undefined, { signal }).catch(
      () => undefined,
    )

  async function sendOrder(send: OrderSend): Promise<void> {
    if (send.after > 0) await delay(send.after)
    if (send.way === 'push') await push(send)
    else await order({ ...send, way: send.way })
  }

  async function order(send: OrderSend & { readonly way: 'sync' | 'async' }): Promise<void> {
    const { way, content, text } = send
    let id = send.id
    let idIn = send.idIn
    for (let attempt = 0; attempt < send.maxAttempts && !signal.aborted; attempt++) {
      const call = await http.call({
        method: 'POST',
        path: '/api/order',
        headers: {
          'content-type': 'application/json',
          ...(id !== undefined && idIn !== 'body' && { 'idempotency-key': id }),
          ...(way === 'async' && { prefer: 'respond-async' }),
        },
        body: text,
      })
      ledger.orders.push({ ...call, way, id, content })
      const status = call.response?.status ?? 0
      if (status === 200 || status === 202) {
        const returnedId = returnedIdOf(call)
        if (send.readsBack && returnedId !== undefined) await readBack(returnedId, true)
        return
      }
      if (status >= 400 && status < 500) return
      // The 503 contains the id of the order: a retry with it is the same order.
      const returnedId = returnedIdOf(call)
      if (id === undefined && returnedId !== undefined) {
        id = returnedId
        idIn = 'header'
      }
      await pause(attempt)
    }
  }

  async function readBack(id: string, acknowledged: boolean): Promise<void> {
    const call = await http.call({ method: 'GET', path: `/api/order/${id}` })
    ledger.reads.push({ ...call, id, acknowledged })
  }

  async function push({ id, content, text, maxAttempts }: OrderSend): Promise<void> {
    const order = { id, content }
    const message = Buffer.from(text).toString('base64')
    // A message without an id is a new order each time, so it is not retried.
    const tries = id === undefined ? 1 : maxAttempts
    const target = id === undefined ? directQueue : queueOf(id)
    for (let attempt = 0; attempt < tries && !signal.aborted; attempt++) {
      if (await put(target, message, order)) return
      await pause(attempt)
    }
  }

  async function put(
    target: QueueClient,
    text: string,
    order: { readonly id: string | undefined; readonly content: OrderSend['content'] } | undefined,
  ): Promise<boolean> {
    try {
      const { messageId } = await target.sendMessage(text, { messageTimeToLive: -1 })
      ledger.pushes.push({ text, order, acknowledged: true, messageId })
      return true
    } catch (error) {
      ledger.pushes.push({ text, order, acknowledged: false, messageId: undefined })
      if ((error as { statusCode?: number }).statusCode === 404) {
        await target.createIfNotExists().catch(() => undefined)
      }
      return false
    }
  }

  async function badCall({ body, status }: BadCall): Promise<void> {
    const call = await http.call({ method: 'POST', path: '/api/order', body })
    ledger.refused.push({ ...call, expected: status })
  }

  /** Uploads a file, and reads its report as soon as there is one. */
  async function uploadFile({ name, lines }: FileSend): Promise<void> {
    const content = Buffer.from(lines.map(({ text }) => text).join('\n'))
    let etag: string | undefined
    for (let attempt = 0; etag === undefined && attempt < 100 && !signal.aborted; attempt++) {
      try {
        await imports.createIfNotExists()
        etag = (await imports.getBlockBlobClient(name).uploadData(content)).etag
      } catch {
        await pause(attempt)
      }
    }
    const read = async (report: string) => (await reports.getBlobClient(report).downloadToBuffer()).toString()
    const end = performance.now() + REPORT_LIMIT_MS
    while (!signal.aborted && performance.now() < end) {
      await delay(200)
      try {
        const report = jsonObject(await read(`${name}.json`))
        if (report?.['etag'] !== etag) continue
        const rejected = (await read(`${name}.rejected.jsonl`).catch(() => '')).split('\n')
        ledger.files.push({
          ...{ name, etag, lines, report },
          rejected: rejected.map(jsonObject).filter((line) => line !== undefined),
        })
        return
      } catch {
        // There is none yet, or storage is away.
      }
    }
    ledger.files.push({ name, etag, lines, report: undefined, rejected: [] })
  }

  async function sendOne(send: Send): Promise<void> {
    switch (send.kind) {
      case 'order':
        return sendOrder(send)
      case 'badCall':
        return badCall(send)
      case 'file':
        return uploadFile(send)
      case 'badMessage':
        for (let attempt = 0; attempt < 100 && !signal.aborted; attempt++) {
          if (await put(queue, send.text, undefined)) return
          await pause(attempt)
        }
    }
  }
  return {
    async send(task) {
      await Promise.all(task.map(sendOne))
    },
  }
}

/** The id in a response. */
function returnedIdOf({ response }: Call): string | undefined {
  const id = jsonObject(response?.body ?? '')?.['id']
  return typeof id === 'string' ? id : undefined
}
