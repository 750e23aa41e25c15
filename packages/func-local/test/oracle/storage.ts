import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import { setTimeout as sleep } from 'node:timers/promises'
import { shownBytes, type Volatile, withPlaceholders } from './placeholders.ts'
import type { RecordedBlob, RecordedCase, RecordedDeed } from './recording.ts'

const POLL_MS = 80
const DAY_MS = 86_400_000

/** The queues and containers that the cases of a run name. */
export interface RunStorage {
  /** Makes and empties them. */
  readonly prepare: (cases: readonly RecordedCase[]) => Promise<void>
  readonly putBlob: (blob: RecordedBlob) => Promise<void>
  readonly putMessage: (message: NonNullable<RecordedDeed['queue']>) => Promise<void>
  /** Takes all messages out of a queue, and waits so long for the first one. */
  readonly messages: (name: string, patience: number, volatile: Volatile) => Promise<unknown>
  readonly blob: (container: string, name: string, volatile: Volatile) => Promise<unknown>
}

/** Opens the storage of a connection string. */
export function openStorage(connectionString: string): RunStorage {
  const queues = QueueServiceClient.fromConnectionString(connectionString)
  const blobs = BlobServiceClient.fromConnectionString(connectionString)
  const queue = (name: string): QueueClient => queues.getQueueClient(name)
  const container = (name: string): ContainerClient => blobs.getContainerClient(name)
  return {
    prepare: async (cases) => {
      const named = cases.map((one) => one.do)
      for (const name of new Set(named.flatMap((deed) => [deed.queue?.name ?? [], deed.peek ?? []].flat()))) {
        if (!isMadeByTheApp(name)) await queue(name).createIfNotExists()
        await queue(name).clearMessages().catch(ignoreMissing)
      }
      const containers = named.flatMap((deed) =>
        [
          deed.blob?.container ?? [],
          (deed.read ?? []).map(([name]) => name),
          (deed.put ?? []).map((b) => b.container),
        ].flat(),
      )
      for (const name of new Set(containers)) {
        if (isMadeByTheApp(name)) continue
        await container(name).createIfNotExists()
        for await (const { name: blob } of container(name).listBlobsFlat())
          await container(name).deleteBlob(blob)
      }
    },
    putBlob: async ({ container: name, name: blob, body, body64, contentType, metadata }) => {
      const bytes = body64 === undefined ? Buffer.from(body ?? '') : Buffer.from(body64, 'base64')
      await container(name)
        .getBlockBlobClient(blob)
        .uploadData(bytes, {
          blobHTTPHeaders: { blobContentType: contentType ?? 'application/octet-stream' },
          ...(metadata === undefined ? {} : { metadata }),
        })
    },
    putMessage: async ({ name, text64, raw, bytes64 }) => {
      const text = text64 === undefined ? (bytes64 ?? raw ?? '') : Buffer.from(text64).toString('base64')
      await queue(name).sendMessage(text)
    },
    messages: async (name, patience, volatile) => {
      const deadline = Date.now() + patience
      for (;;) {
        const found = await takeAll(queue(name), volatile)
        if ((found !== undefined && found.length > 0) || Date.now() > deadline)
          return found ?? 'no such queue'
        await sleep(POLL_MS)
      }
    },
    blob: async (containerName, name, volatile) => {
      const client = container(containerName).getBlockBlobClient(name)
      try {
        const { contentType } = await client.getProperties()
        return { contentType, ...shownBytes(await client.downloadToBuffer(), volatile) }
      } catch (error) {
        if (statusOf(error) === 404) return 'no such blob'
        throw error
      }
    },
  }
}

/** Queues and containers that do not exist before the app or the host makes them. */
function isMadeByTheApp(name: string): boolean {
  return name.endsWith('-poison') || name.startsWith('new-')
}

async function takeAll(queue: QueueClient, volatile: Volatile): Promise<unknown[] | undefined> {
  const taken: unknown[] = []
  try {
    for (;;) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32 })
      if (receivedMessageItems.length === 0) break
      for (const { messageText, messageId, popReceipt, insertedOn, expiresOn } of receivedMessageItems) {
        const ttlDays = Math.round((expiresOn.getTime() - insertedOn.getTime()) / DAY_MS)
        taken.push({ ...shownMessage(messageText, volatile), ttlDays })
        await queue.deleteMessage(messageId, popReceipt)
      }
    }
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
  return taken.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function shownMessage(text: string, volatile: Volatile): { base64: string } | { text: string } {
  const bytes = Buffer.from(text, 'base64')
  if (text === '' || bytes.toString('base64') !== text) return { text: withPlaceholders(text, volatile) }
  const shown = shownBytes(bytes, volatile)
  return { base64: 'body' in shown ? shown.body : `hex:${bytes.toString('hex')}` }
}

function ignoreMissing(error: unknown): void {
  if (statusOf(error) !== 404) throw error
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
}
