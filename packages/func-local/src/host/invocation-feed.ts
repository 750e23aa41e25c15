import type { LogLevel, RpcException, TypedData } from '../protocol.ts'

/** What a function gave to an output. */
export interface FunctionOutput {
  /** The binding's name; `$return` for the handler's return value. */
  readonly name: string
  /** The binding's type: `queue`. */
  readonly type: string
  readonly value: TypedData
  /** Whether it was written to its service; where there is no such service here it is only shown. */
  readonly isWritten: boolean
}

/** One thing that happened in an invocation. */
export type InvocationNews = { readonly invocationId: string; readonly functionName: string } & (
  | { readonly kind: 'began'; readonly reason: string; readonly at: Date }
  | { readonly kind: 'log'; readonly level: LogLevel; readonly message: string }
  | { readonly kind: 'output'; readonly output: FunctionOutput }
  | {
      readonly kind: 'ended'
      /** What the handler, or its bindings, failed with; `undefined` after a success. */
      readonly error: RpcException | undefined
      readonly returnValue: TypedData | undefined
      readonly milliseconds: number
    }
)

/** Tells of every invocation, to whoever wants to know. */
export interface InvocationFeed {
  /** Whether anybody listens; who publishes need not make news that nobody reads. */
  readonly isWatched: () => boolean
  readonly publish: (news: InvocationNews) => void
  /** Returns what ends it. */
  readonly subscribe: (listener: (news: InvocationNews) => void) => () => void
}

/** Creates a feed that nobody listens to yet. */
export function createInvocationFeed(): InvocationFeed {
  const listeners = new Set<(news: InvocationNews) => void>()
  return {
    isWatched: () => listeners.size > 0,
    publish: (news) => {
      for (const listener of listeners) listener(news)
    },
    subscribe: (listener) => {
      // Its own function, so that the same listener can subscribe twice.
      const own = (news: InvocationNews): void => {
        listener(news)
      }
      listeners.add(own)
      return () => {
        listeners.delete(own)
      }
    },
  }
}
