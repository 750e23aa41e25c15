import type { RecordStore } from './store.ts'

/** What a command needs. */
export interface Work {
  /** Where the order records are. */
  readonly store: RecordStore
  /** Records a request. */
  readonly pageSize: number
  /** Whether somebody asked it to stop. */
  readonly stopped: () => boolean
  /** Shows how many records are done. */
  readonly progress: (records: number) => void
  /** Prints a line. */
  readonly print: (line: string) => void
}

/** Something a person has to put right. Its message is all they see. */
export class OrdersCommandError extends Error {
  override readonly name = 'OrdersCommandError'
}
