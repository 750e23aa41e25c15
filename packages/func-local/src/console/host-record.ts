import type { Log } from '../host/log.ts'
import type { HostEntry } from './messages.ts'
import { beginning } from './preview.ts'

/** What the host says about the app as a whole; the latest entries are kept. */
export interface HostRecord {
  /** Writes to the log; `info`, `warn` and `error` are also kept. */
  readonly log: Log
  /** The oldest first. */
  readonly entries: () => readonly HostEntry[]
  /** Called with each entry; there is one watcher at most. */
  readonly watch: (watcher: (() => void) | undefined) => void
}

const MOST_ENTRIES = 50
const ENTRY_CHARACTERS = 8192

/** Makes a record of what is written to a log through it. */
export function createHostRecord(log: Log, now: () => number = Date.now): HostRecord {
  const entries: HostEntry[] = []
  let serial = 0
  let watcher: (() => void) | undefined
  const kept =
    (level: HostEntry['level'], write: (message: string) => void) =>
    (message: string): void => {
      write(message)
      entries.push({ id: ++serial, at: now(), level, text: beginning(log.redact(message), ENTRY_CHARACTERS) })
      if (entries.length > MOST_ENTRIES) entries.shift()
      watcher?.()
    }
  return {
    log: {
      ...log,
      info: kept('information', log.info),
      warn: kept('warning', log.warn),
      error: kept('error', log.error),
    },
    entries: () => entries,
    watch: (next) => {
      watcher = next
    },
  }
}
