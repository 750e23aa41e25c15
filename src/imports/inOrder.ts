/** How far a result may be ahead of the first one that is missing, as a multiple of what runs at a time. */
const AHEAD = 16

/** What is done with the items of a stream. */
export interface Work<T, R> {
  /** How many items are worked on at a time, at most. */
  readonly concurrency: number
  /** Items with the same key are worked on one after the other, in their order. */
  readonly keyOf: (item: T) => string | undefined
  readonly run: (item: T) => Promise<R>
  /** Takes the results in the order of the items. */
  readonly done: (item: T, result: R) => Promise<void> | void
}

/**
 * Works on the items of a stream, some at a time; what has become of them comes out in their order. A failure ends it: nothing
 * more is begun, what has begun is waited for, and the first failure is thrown. If the stream itself fails, what came before is
 * finished first. Memory does not grow with the length of the stream.
 */
export async function inOrder<T, R>(items: AsyncIterable<T>, work: Work<T, R>): Promise<void> {
  let running = 0
  /** Goes on with the stream when the next item is done. */
  let wake: (() => void) | undefined
  const byKey = new Map<string, Promise<void>>()
  const finished = new Map<number, readonly [T, R]>()
  let begun = 0
  let handedOut = 0
  let failure: { readonly error: unknown } | undefined

  async function one(item: T, index: number, before: Promise<void> | undefined): Promise<void> {
    try {
      await before
      if (failure !== undefined) return
      finished.set(index, [item, await work.run(item)])
    } catch (error) {
      failure ??= { error }
    }
  }

  function begin(item: T): void {
    const key = work.keyOf(item)
    const promise = one(item, begun++, key === undefined ? undefined : byKey.get(key))
    running++
    if (key !== undefined) byKey.set(key, promise)
    void promise.then(() => {
      running--
      wake?.()
      if (key !== undefined && byKey.get(key) === promise) byKey.delete(key)
    })
  }

  /** Waits for the next item that is done. One is always on its way: results are ahead of nothing else. */
  const oneDone = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })

  async function handOut(): Promise<void> {
    for (let next = finished.get(handedOut); next !== undefined; next = finished.get(handedOut)) {
      finished.delete(handedOut++)
      await work.done(...next)
    }
  }

  const hasFailed = () => failure !== undefined
  let ended: { readonly error: unknown } | undefined
  try {
    for await (const item of items) {
      begin(item)
      while (!hasFailed() && (running >= work.concurrency || begun - handedOut >= AHEAD * work.concurrency)) {
        await oneDone()
        await handOut()
      }
      if (hasFailed()) break
    }
  } catch (error) {
    ended = { error }
  }
  while (running > 0) await oneDone()
  await handOut()
  // Of both, the failed item counts: it is not known what became of it, and the stream's end would hide that.
  const first = failure ?? ended
  if (first !== undefined) throw first.error
}
