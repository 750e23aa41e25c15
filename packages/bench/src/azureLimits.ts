/** What Azure documents, each with its page. The targets are for items of 1 KiB; an order is smaller. */
export const AZURE_LIMITS = {
  /** https://learn.microsoft.com/azure/storage/queues/scalability-targets: messages a second of one queue. */
  queueMessages: 2000,
  /** https://learn.microsoft.com/azure/storage/tables/scalability-targets: entities a second of one partition. */
  partitionEntities: 2000,
  /** https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account: requests a second. */
  accountRequests: 20_000,
  /** https://learn.microsoft.com/azure/azure-functions/functions-target-based-scaling: instances added at a time. */
  instancesAtATime: 4,
  /** https://learn.microsoft.com/azure/azure-functions/event-driven-scaling: seconds between additions, not HTTP. */
  secondsBetweenAdditions: 30,
} as const

/** Partitions of the table: two hex digits of a hash of the id. */
const PARTITIONS = 256

/** The storage requests of one order: when it comes in, and when it is taken from the queue and processed. */
export interface OrderRequests {
  readonly coming: { readonly queue: number; readonly table: number }
  readonly processing: { readonly queue: number; readonly table: number }
}

/** Ways in; `test/integration/storageRequests.test.ts` counts the same requests on the wire. */
export const WAYS_IN = {
  /** `POST /api/order`: one insert, and nothing is queued. */
  http: { coming: { queue: 0, table: 1 }, processing: { queue: 0, table: 0 } },
  /** `POST /api/order` with `Prefer: respond-async` and an id: read, send, insert; then receive, try, read, replace, delete. */
  accepted: { coming: { queue: 1, table: 2 }, processing: { queue: 2, table: 3 } },
  /** A message that a sender puts on the queue itself: then receive, insert, delete. */
  pushed: { coming: { queue: 1, table: 0 }, processing: { queue: 2, table: 1 } },
} as const satisfies Record<string, OrderRequests>

/**
 * What one storage account can take, as parts of its second that an order uses up. The queue's target is read cautiously:
 * a message that is put, received and deleted counts three times.
 *
 * @param queues over how many queues orders are spread
 */
export function accountWalls({ coming, processing }: OrderRequests, queues = 1): readonly Wall[] {
  const wall = (name: string, limit: number, share: (part: { queue: number; table: number }) => number) => ({
    name,
    perComing: share(coming) / limit,
    perProcessing: share(processing) / limit,
  })
  return [
    wall('queue', AZURE_LIMITS.queueMessages * queues, ({ queue }) => queue),
    wall('table', AZURE_LIMITS.partitionEntities * PARTITIONS, ({ table }) => table),
    wall('account', AZURE_LIMITS.accountRequests, ({ queue, table }) => queue + table),
  ]
}

/** Something that has so much time in a second, and how much of it an order takes when it comes and when it is processed. */
export interface Wall {
  readonly name: string
  readonly perComing: number
  readonly perProcessing: number
}

/** Orders a second that come and are processed for ever, before the first wall; and which wall that is. */
export function sustainedRate(walls: readonly Wall[]): { readonly perSecond: number; readonly wall: string } {
  const rates = walls.map(({ name, perComing, perProcessing }) => ({
    wall: name,
    perSecond: 1 / (perComing + perProcessing),
  }))
  return rates.reduce((least, rate) => (rate.perSecond < least.perSecond ? rate : least))
}
