/** An item as Cosmos DB stores it. */
export interface StoredItem {
  readonly id: string
  readonly _rid: string
  /** Seconds since 1970. */
  readonly _ts: number
  readonly [name: string]: unknown
}

/** A change: which one it is, in the order in which they were made, and what the item is since. */
export interface Change {
  readonly lsn: number
  readonly item: StoredItem
}

/** What a reader of the feed gets at a time. */
export interface ChangePage {
  readonly changes: readonly Change[]
  /** The last change that was looked at: the next page begins after it. */
  readonly lsn: number
}

/**
 * The change feed of one container, in the mode "latest version": every item that was created or replaced since a given change,
 * once, in the order of the last changes. https://learn.microsoft.com/azure/cosmos-db/change-feed-modes#latest-version-change-feed-mode
 */
export class ChangeLog {
  #last = 0
  /** In the order of their numbers. What an item was before its last change stays until the log is tidied. */
  #changes: Change[] = []
  readonly #latest = new Map<string, number>()

  /** The number of the last change. */
  get last(): number {
    return this.#last
  }

  /** The items as they are, in the order of their last changes. */
  get current(): readonly Change[] {
    return this.#changes.filter((change) => this.#isCurrent(change))
  }

  /** Notes that an item was written. Returns the change's number. */
  written(item: StoredItem, lsn = this.#last + 1): number {
    this.skipTo(lsn)
    this.#latest.set(item._rid, lsn)
    this.#changes.push({ lsn, item })
    if (this.#changes.length > 2 * this.#latest.size + 1000) this.#changes = [...this.current]
    return lsn
  }

  /** Notes that an item was deleted: the feed does not show it any more. */
  deleted(rid: string): void {
    this.#latest.delete(rid)
  }

  /** The next change gets a higher number than this. */
  skipTo(lsn: number): void {
    this.#last = Math.max(this.#last, lsn)
  }

  /**
   * The changes after a given one.
   *
   * @param most changes in the page
   * @param wanted which items the reader asks for
   */
  after(lsn: number, most: number, wanted: (item: StoredItem) => boolean): ChangePage {
    const changes: Change[] = []
    for (let at = this.#indexAfter(lsn); at < this.#changes.length; at++) {
      const change = this.#changes[at]
      if (change === undefined || !this.#isCurrent(change) || !wanted(change.item)) continue
      changes.push(change)
      if (changes.length === most) return { changes, lsn: change.lsn }
    }
    return { changes, lsn: Math.max(lsn, this.#last) }
  }

  #isCurrent({ lsn, item }: Change): boolean {
    return this.#latest.get(item._rid) === lsn
  }

  #indexAfter(lsn: number): number {
    let [low, high] = [0, this.#changes.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#changes[middle]?.lsn ?? Infinity) <= lsn) low = middle + 1
      else high = middle
    }
    return low
  }
}
