/*
 * What the host tells the console's page. Everything is plain JSON, bounded, and without the values of secrets; every text is
 * data: the page shows it as text.
 */

/** Where the page finds the host; {@link INVOKE_PATH} of the admin API is what calls a function. */
export const CONSOLE_PATH = '/admin/func-local/console'

/** Whether a path is the console's own. */
export function isConsolePath(path: string): boolean {
  const known = path.toLowerCase()
  return known === CONSOLE_PATH || known.startsWith(`${CONSOLE_PATH}/`)
}

/** The state of the app: the event `app` of the stream. */
export interface AppState {
  /** The app's folder, without symbolic links. */
  readonly appDirectory: string
  readonly version: string
  /** `loading` while no version of the app runs: at the start, and between a crash and the restart. */
  readonly phase: 'running' | 'loading'
  /** The process of the version that runs: another number is another version, or the same one after a crash. */
  readonly workerPid: number | undefined
  /** In order of their names. */
  readonly functions: readonly ShownFunction[]
  /** What the host has said about the app, the oldest first: starts, crashes, failed reloads, warnings. */
  readonly entries: readonly HostEntry[]
}

/** A line of the host about the app as a whole. */
export interface HostEntry {
  /** Grows with each entry. */
  readonly id: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly level: 'information' | 'warning' | 'error'
  readonly text: string
}

/** A function and how it can be called. */
export interface ShownFunction {
  readonly name: string
  /** The trigger's type, `queueTrigger`; empty when the app gave none. */
  readonly trigger: string
  /** Where its events come from: the route, the queue, the schedule. */
  readonly source: string | undefined
  readonly state: 'ready' | 'disabled' | 'onCall' | 'error'
  /** Why it is in error, or is not called by events. */
  readonly reason: string | undefined
  /** `undefined` when it cannot be called. */
  readonly form: FunctionForm | undefined
}

/** What a call by hand needs. */
export type FunctionForm =
  | {
      readonly kind: 'http'
      readonly methods: readonly string[]
      /** The route's parameters, with values that fit. */
      readonly params: readonly {
        readonly name: string
        readonly value: string
        readonly isOptional: boolean
      }[]
      readonly method: string
      /** Text or JSON; `undefined` when the method has none. */
      readonly body: string | undefined
    }
  /** `queue` is the id of a {@link ShownQueue}. */
  | { readonly kind: 'queue'; readonly queue: string; readonly sample: string }
  | { readonly kind: 'blob'; readonly path: string; readonly sample: string }
  | { readonly kind: 'timer'; readonly sample: string }
  | { readonly kind: 'other'; readonly sample: string }

/** What the list of invocations shows: the event `invocations` of the stream has those that have changed. */
export interface InvocationSummary {
  readonly id: string
  readonly functionName: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly outcome: 'running' | 'succeeded' | 'failed'
  /** `undefined` while it runs. */
  readonly milliseconds: number | undefined
  /** The status of an HTTP response. */
  readonly status: string | undefined
  readonly lines: number
  readonly outputs: number
  /** One line that says the most: the error, else what was logged last. */
  readonly gist: string
}

/** The event `invocations`. */
export interface InvocationChanges {
  /** How many have begun since the host started. */
  readonly total: number
  readonly failed: number
  /**
   * The ids of those that are kept and have not ended. Any other has ended, or is told again when it does: of many that end
   * together, some are no longer kept when changes are told.
   */
  readonly running: readonly string[]
  /** Those that have changed. */
  readonly invocations: readonly InvocationSummary[]
}

/** One invocation with everything that is kept of it. */
export interface InvocationDetails extends InvocationSummary {
  readonly reason: string
  readonly logs: readonly { readonly level: string; readonly message: string }[]
  /** Lines that were logged after the limit. */
  readonly linesLeftOut: number
  readonly outputValues: readonly {
    readonly name: string
    readonly type: string
    readonly isWritten: boolean
    readonly value: Preview
  }[]
  readonly returned: Preview | undefined
  readonly error: { readonly message: string; readonly stack: string } | undefined
}

/** A value, or how it begins. */
export interface Preview {
  /** Text as it is; bytes that are no text in hexadecimal. */
  readonly text: string
  readonly isHex: boolean
  /** In bytes. */
  readonly size: number
  readonly isCut: boolean
}

/** A queue that a function names. */
export interface ShownQueue {
  readonly id: string
  readonly name: string
  readonly connection: string
  /** Who reads it, and who writes to it. */
  readonly readers: readonly string[]
  readonly writers: readonly string[]
  /** Approximate, hidden messages included; `null` when there is no such queue yet, or its name is only known when a function runs. */
  readonly depth: number | null
  readonly poison: { readonly name: string; readonly depth: number | null } | undefined
  /** Whether the name has parts that only an invocation knows. */
  readonly isPattern: boolean
  /** Why the depth is not known. */
  readonly error: string | undefined
}

/** A message that stays on its queue. */
export interface ShownMessage {
  readonly id: string
  readonly dequeueCount: number
  /** Milliseconds since 1970. */
  readonly insertedAt: number
  readonly body: Preview
  /** Whether the text is in the encoding of `host.json`; else it is shown as it is. */
  readonly isDecoded: boolean
}

/** What a look at a queue shows. */
export type QueueLook =
  | { readonly kind: 'messages'; readonly messages: readonly ShownMessage[] }
  /** Storage did not answer, or refused; or there is no such queue. */
  | { readonly kind: 'failed'; readonly reason: string }
