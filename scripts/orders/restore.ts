import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { sameContent, type OrderRecord } from '../../src/orders/order.ts'
import { byteLines } from '../byteLines.ts'
import { LineError, parseLine, recordOf, type StoredEntity } from './entity.ts'
import type { RecordStore } from './store.ts'
import { OrdersCommandError, type Work } from './work.ts'

/** What became of the lines of a file. */
export interface Restored {
  /** There was none: written. */
  readonly created: number
  /** It was accepted, and the file has it processed: written over it. */
  readonly advanced: number
  /** It was there already, the same. */
  readonly unchanged: number
  /** It is processed there, and the file has it as accepted only: left. */
  readonly newer: number
  /** It is there with other content, or processed otherwise, or the line holds none: left. */
  readonly refused: number
}

/** Records on their way at a time. */
const CONCURRENCY = 16

/** Refused lines that are named one by one. */
const MAX_NAMED = 20

/**
 * Writes the records of a file into the table, or into Cosmos DB, which may be missing, empty or half-filled. It keeps the app's promise: a record
 * goes absent → accepted → processed, and a processed one never changes. Run again it changes nothing, so a run that was
 * killed is simply repeated.
 *
 * @throws OrdersCommandError | StorageTroubleError
 */
export async function restoreOrders(work: Work, file: string): Promise<Restored> {
  const { store, stopped, progress, print } = work
  await store.prepare()
  const count = { created: 0, advanced: 0, unchanged: 0, newer: 0, refused: 0 }
  const refuse = (what: string, why: string) => {
    count.refused++
    if (count.refused <= MAX_NAMED) print(`${what}: ${why}`)
  }

  let done = 0
  async function restore(entity: StoredEntity): Promise<void> {
    const { outcome, why } = await restoreEntity(store, entity)
    if (outcome === 'refused') refuse(`order ${entity.rowKey}`, why)
    else count[outcome]++
    progress(++done)
  }

  // By id: a file may have an id twice, and the second waits for the first.
  const running = new Map<string, Promise<void>>()
  for await (const entity of entities(file, refuse)) {
    if (stopped()) break
    await running.get(entity.rowKey)
    if (running.size >= CONCURRENCY) await Promise.race(running.values())
    const restoring = restore(entity).finally(() => running.delete(entity.rowKey))
    // Its failure is met below, or by the race above.
    restoring.catch(() => undefined)
    running.set(entity.rowKey, restoring)
  }
  await Promise.all(running.values())
  if (stopped()) {
    throw new OrdersCommandError('Stopped. Run it again: what is restored already stays as it is.')
  }
  if (count.refused > MAX_NAMED) print(`… and ${count.refused - MAX_NAMED} more.`)
  return count
}

/** The entities of a file, in its order. */
async function* entities(
  file: string,
  refuse: (what: string, why: string) => void,
): AsyncGenerator<StoredEntity> {
  const input = createReadStream(file)
  await once(input, 'open').catch((error: unknown) => {
    throw new OrdersCommandError(`${file} can't be read (${(error as Error).message}).`)
  })
  for await (const { number, bytes } of byteLines(input as AsyncIterable<Buffer>)) {
    const line = Buffer.from(bytes).toString('utf8')
    if (line.trim() === '') continue
    try {
      yield parseLine(line)
    } catch (error) {
      if (!(error instanceof LineError)) throw error
      refuse(`line ${number}`, error.message)
    }
  }
}

interface Outcome {
  readonly outcome: keyof Restored
  readonly why: string
}

const left = (outcome: keyof Restored, why = ''): Outcome => ({ outcome, why })

/** Writes a record where there is none, or compares it with the one that is there. */
async function restoreEntity(store: RecordStore, entity: StoredEntity): Promise<Outcome> {
  return (await store.create(entity)) ? left('created') : meet(store, entity)
}

/** A record of the file meets one that is there. */
async function meet(store: RecordStore, entity: StoredEntity): Promise<Outcome> {
  const { entity: present, etag } = await store.read(entity)
  if (store.same(entity, present)) return left('unchanged')
  const [wanted, there] = [recordOf(entity), recordOf(present)]
  if (!sameContent(wanted, there)) return left('refused', 'another order has this id')
  switch (there.status) {
    case 'processed':
      return overProcessed(wanted)
    case 'accepted':
      return overAccepted(store, entity, wanted, etag)
  }
}

function overProcessed(wanted: OrderRecord): Outcome {
  switch (wanted.status) {
    case 'accepted':
      return left('newer')
    case 'processed':
      return left(
        'refused',
        'it is already processed, with another result, and a processed record never changes',
      )
  }
}

async function overAccepted(
  store: RecordStore,
  entity: StoredEntity,
  wanted: OrderRecord,
  etag: string,
): Promise<Outcome> {
  switch (wanted.status) {
    case 'accepted':
      // Accepted at another time: the same order waits.
      return left('unchanged')
    case 'processed': {
      const written = await store.replace(entity, etag)
      // It changed meanwhile, or an attempt of this write whose response was lost got through.
      return written ? left('advanced') : meet(store, entity)
    }
  }
}
