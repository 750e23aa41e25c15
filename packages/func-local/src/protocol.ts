/**
 * The messages between the host process and the worker process.
 *
 * Their shapes are the worker protocol's, as far as `@azure/functions` can see them, so that the library runs
 * unmodified: https://github.com/Azure/azure-functions-language-worker-protobuf/blob/dev/src/proto/FunctionRpc.proto
 */

/** One value on its way into or out of a function; at most one property is set, none at all means `null`. */
export interface TypedData {
  readonly string?: string
  readonly json?: string
  readonly bytes?: Uint8Array
  readonly stream?: Uint8Array
  readonly http?: RpcHttp
  readonly int?: number
  readonly double?: number
  readonly collectionBytes?: { readonly bytes: readonly Uint8Array[] }
  readonly collectionString?: { readonly string: readonly string[] }
  readonly modelBindingData?: ModelBindingData
  readonly collectionModelBindingData?: { readonly modelBindingData: readonly ModelBindingData[] }
}

/**
 * Deferred binding (`sdkBinding`): what an extension library of the app makes a client or a message of. `source` names the
 * library's factory, `content` is in its own format.
 */
export interface ModelBindingData {
  readonly version: string
  readonly source: string
  readonly contentType: string
  readonly content: Uint8Array
}

/** A string that may be empty, as the protocol wraps it. */
export interface NullableString {
  readonly value: string
}

/** A cookie of an HTTP response. */
export interface RpcHttpCookie {
  readonly name?: string
  readonly value?: string
  readonly domain?: { readonly value?: string }
  readonly path?: { readonly value?: string }
  readonly expires?: { readonly value?: { readonly seconds?: number } }
  readonly secure?: { readonly value?: boolean }
  readonly httpOnly?: { readonly value?: boolean }
  readonly sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone'
  readonly maxAge?: { readonly value?: number }
}

/** An HTTP request (host to worker) or an HTTP response (worker to host). */
export interface RpcHttp {
  readonly method?: string
  readonly url?: string
  readonly nullableHeaders?: Readonly<Record<string, NullableString>>
  readonly nullableParams?: Readonly<Record<string, NullableString>>
  readonly nullableQuery?: Readonly<Record<string, NullableString>>
  readonly statusCode?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly RpcHttpCookie[]
  readonly body?: TypedData | null
  readonly enableContentNegotiation?: boolean
}

/** One binding of a function as the app registered it: the trigger, an input or an output. */
export interface BindingInfo {
  readonly type?: string
  readonly direction?: 'in' | 'out' | 'inout'
  readonly dataType?: string
  readonly [property: string]: unknown
}

/** A retry policy; durations are in whole seconds, as the library sends them. */
export interface RetryOptions {
  readonly retryStrategy?: 'fixedDelay' | 'exponentialBackoff'
  readonly maxRetryCount?: number
  readonly delayInterval?: { readonly seconds?: number }
  readonly minimumInterval?: { readonly seconds?: number }
  readonly maximumInterval?: { readonly seconds?: number }
}

/** A function as the worker reports it after the app has loaded. */
export interface FunctionMetadata {
  readonly functionId: string
  readonly name: string
  readonly bindings: Readonly<Record<string, BindingInfo>>
  readonly retryOptions?: RetryOptions
}

/** What went wrong in an invocation, as text: errors do not cross the process border as objects. */
export interface RpcException {
  readonly message: string
  readonly stackTrace?: string
  readonly source?: string
}

/** Which attempt of a retried invocation this is. */
export interface RetryContext {
  readonly retryCount: number
  readonly maxRetryCount: number
  readonly exception?: RpcException
}

/** W3C trace context of an invocation: https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  readonly traceParent: string
  readonly traceState: string
  readonly attributes: Readonly<Record<string, string>>
}

/** The request to run a function once. */
export interface InvocationRequest {
  readonly invocationId: string
  readonly functionId: string
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[]
  readonly triggerMetadata: Readonly<Record<string, TypedData>>
  readonly traceContext: TraceContext
  readonly retryContext?: RetryContext
}

/** The response to an {@link InvocationRequest}. */
export interface InvocationResponse {
  readonly invocationId: string
  readonly returnValue?: TypedData | null
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData | null }[]
  readonly exception?: RpcException
  /** With HTTP streaming: whether the library has responded to the forwarded request. */
  readonly httpResponded?: boolean
}

/** Log levels of the worker protocol. */
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none'

/** A log entry of the worker; without an invocation it belongs to the app's start. */
export interface LogEntry {
  readonly level: LogLevel
  readonly category: 'user' | 'system' | 'customMetric'
  readonly message: string
  readonly invocationId?: string
  readonly functionName?: string
}

/** Messages the host sends. */
export type ToWorker =
  | { readonly type: 'init'; readonly appDirectory: string; readonly hostVersion: string }
  /** Answered at once with the same type: how long a message waits in the worker. */
  | { readonly type: 'status' }
  | { readonly type: 'invoke'; readonly request: InvocationRequest }
  | { readonly type: 'detachDebugger' }
  | { readonly type: 'terminate' }

/** Messages the worker sends. */
export type FromWorker =
  /** What it does now: loads a file, or runs a hook. */
  | { readonly type: 'loading'; readonly what: string }
  | {
      readonly type: 'ready'
      readonly functions: readonly FunctionMetadata[]
      readonly capabilities: Readonly<Record<string, string>>
      readonly model: string
      /** The entry points that were loaded. */
      readonly files: readonly string[]
    }
  | { readonly type: 'status' }
  | { readonly type: 'failed'; readonly message: string; readonly stack: string }
  | { readonly type: 'response'; readonly response: InvocationResponse }
  | { readonly type: 'log'; readonly entry: LogEntry }
  /** Text that the app wrote to its standard output or error, in its place among the log entries. */
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
