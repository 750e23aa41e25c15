import { isUtf8 } from 'node:buffer'
import { BindingError, type FunctionDefinition } from './function.ts'
import type { Generation, LoadedFunction } from './generation.ts'
import type { InvocationFeed, InvocationNews } from './invocation-feed.ts'
import { nearest } from '../nearest.ts'
import type { LogLevel, RpcException, TypedData } from '../protocol.ts'
import type { ExtraOfEvent } from '../http/request.ts'
import type { HandRequest } from '../registry.ts'
import { bytesOf } from '../bindings/captured.ts'
import { jsonIn } from '../json-text.ts'

/** What a call by hand says besides its data. */
export interface InvokeOptions {
  /** Values of inputs by the names of their bindings, or by their types where only one is of the type. */
  readonly inputs?: Readonly<Record<string, InputData>> | undefined
  /** For a blob trigger: the blob that the data stands for, or that is read where there is no data; `container/name`. */
  readonly blob?: string | undefined
  /** The name of the file that the data comes from. */
  readonly fileName?: string | undefined
}

/** Text and bytes are taken as they are, anything else as its JSON. */
export type InputData = string | Uint8Array | number | boolean | null | object

/** A value of a function, as far as it can be shown: JSON, text, or bytes in Base64. */
export type ShownValue =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bytes'; readonly base64: string }

/** What a function gave to an output binding. */
export interface InvokedOutput {
  /** The binding's name; `$return` for the handler's return value. */
  readonly name: string
  readonly type: string
  readonly value: ShownValue
  /** Whether it was written to its service; where there is no such service here it is only shown. */
  readonly isWritten: boolean
}

/** A line that the handler logged. */
export interface InvokedLog {
  readonly level: LogLevel
  readonly message: string
}

/** The response of an HTTP function. */
export interface InvokedResponse {
  readonly status: number
  /** By lower-case name; a repeated one is joined by commas, but `set-cookie` by line feeds. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: ShownValue
}

/** How a call by hand ended. */
export interface InvokeResult {
  readonly functionName: string
  /** `undefined` when the function did not begin: an HTTP request that the host itself answered. */
  readonly invocationId: string | undefined
  readonly ok: boolean
  /** Of the invocation: inputs, handler and outputs. */
  readonly milliseconds: number
  /** What the handler returned; `undefined` when it returned nothing, or has an HTTP response. */
  readonly result: ShownValue | undefined
  readonly response: InvokedResponse | undefined
  readonly error: RpcException | undefined
  readonly outputs: readonly InvokedOutput[]
  readonly logs: readonly InvokedLog[]
}

/** Calls functions by hand. */
export interface ByHandCaller {
  /**
   * Runs a function once, without the repetitions of a retry policy. Without data its sample is taken.
   *
   * @throws {BindingError} when there is no such function, or the data is not in the form that its trigger needs.
   */
  readonly invoke: (
    name: string,
    data: InputData | undefined,
    options?: InvokeOptions,
  ) => Promise<InvokeResult>
  /** The data that stands for one event. @throws {BindingError} when there is no such function. */
  readonly sample: (name: string) => Promise<string>
}

/** Sends a request to this host as a client does; `byHand` reaches the event that it becomes. */
export type RequestSender = (
  request: HandRequest,
  byHand: ExtraOfEvent,
) => Promise<{
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}>

const FIRST_ERROR_STATUS = 500

/** Creates what calls the functions of the generation that runs. */
export function createByHandCaller(
  current: () => Promise<Pick<Generation, 'functions' | 'problems'>>,
  invocations: InvocationFeed,
  send: RequestSender,
): ByHandCaller {
  return {
    sample: async (name) => find(await current(), name).listener.byHand.sample(),
    invoke: async (name, data, options = {}) => {
      const fn = find(await current(), name)
      refuseUnfit(fn, options)
      const { byHand } = fn.listener
      const isGiven = data !== undefined
      const watch = watchInvocation(invocations)
      const inputs = inputsOf(fn.definition, options.inputs ?? {})
      const extra: ExtraOfEvent = { ...(inputs.size > 0 ? { inputs } : {}), onAttempt: watch.began }
      try {
        const body = isGiven ? bufferOf(data) : Buffer.from(byHand.sample())
        if (byHand.kind === 'request') {
          const { status, headers, body: content } = await send(byHand.request(body), extra)
          const response = { status, headers, body: shown(content) }
          return watch.result(fn, { ok: status < FIRST_ERROR_STATUS, response })
        }
        const { blob, fileName } = options
        const event = await byHand.event(body, { isGiven, blob, fileName })
        const outcome = await fn.invokeOnce({ ...event, ...extra })
        return watch.result(fn, { ok: outcome.ok })
      } finally {
        watch.end()
      }
    },
  }
}

/** @throws {BindingError} when no function that runs has the name. */
function find(
  { functions, problems }: Pick<Generation, 'functions' | 'problems'>,
  name: string,
): LoadedFunction {
  const fn = functions.find(({ definition }) => definition.name.toLowerCase() === name.toLowerCase())
  if (fn !== undefined) return fn
  const inError = problems.find((line) => line.startsWith(`The '${name}' function is in error`))
  if (inError !== undefined) throw new BindingError(inError)
  const names = functions.map(({ definition }) => definition.name)
  const meant = nearest(name, names)
  const hint =
    meant === undefined
      ? names.length === 0
        ? ''
        : ` There are: ${names.join(', ')}.`
      : ` Did you mean '${meant}'?`
  throw new BindingError(`There is no function '${name}'.${hint}`)
}

/** @throws {BindingError} when nobody could call the function like this. */
function refuseUnfit({ definition, disabled, listener }: LoadedFunction, { blob }: InvokeOptions): void {
  if (blob !== undefined && definition.trigger.type.toLowerCase() !== 'blobtrigger')
    throw new BindingError(`it has no blob trigger, so no blob can be named.`)
  // Any other function can be called when it is disabled, in Azure too:
  // https://learn.microsoft.com/azure/azure-functions/disable-function#considerations
  if (disabled && listener.byHand.kind === 'request')
    throw new BindingError(
      `it is disabled (AzureWebJobs.${definition.name}.Disabled), and takes no requests.`,
    )
}

/** Collects what is told of one invocation. */
function watchInvocation(invocations: InvocationFeed): {
  readonly began: (invocationId: string) => void
  readonly result: (
    fn: LoadedFunction,
    outcome: { readonly ok: boolean; readonly response?: InvokedResponse },
  ) => InvokeResult
  readonly end: () => void
} {
  let id: string | undefined
  const news: InvocationNews[] = []
  const end = invocations.subscribe((one) => {
    if (one.invocationId === id) news.push(one)
  })
  return {
    began: (invocationId) => {
      id = invocationId
    },
    end,
    result: ({ definition }, { ok, response }) => {
      const ended = news.find((one) => one.kind === 'ended')
      const value = ended?.returnValue
      return {
        functionName: definition.name,
        invocationId: id,
        ok: ok && ended?.error === undefined,
        milliseconds: Math.round(ended?.milliseconds ?? 0),
        result: response === undefined && value !== undefined ? shownValue(value) : undefined,
        response,
        error: ended?.error,
        outputs: news.flatMap((one) =>
          one.kind === 'output' ? [{ ...one.output, value: shownValue(one.output.value) }] : [],
        ),
        logs: news.flatMap((one) => (one.kind === 'log' ? [{ level: one.level, message: one.message }] : [])),
      }
    },
  }
}

/** @throws {BindingError} when an input has no such binding, or more than one. */
function inputsOf(
  { name, inputs }: FunctionDefinition,
  given: Readonly<Record<string, InputData>>,
): ReadonlyMap<string, TypedData> {
  return new Map(
    Object.entries(given).map(([key, value]) => {
      const lower = key.toLowerCase()
      const named = inputs.filter((binding) => binding.name.toLowerCase() === lower)
      const typed = inputs.filter((binding) => binding.type.toLowerCase() === lower)
      const [found, other] = named.length > 0 ? named : typed
      if (found === undefined || other !== undefined) {
        const all = inputs.map((binding) => `${binding.name} (${binding.type})`).join(', ')
        throw new BindingError(
          `Function '${name}' has ${found === undefined ? 'no input' : 'more than one input'} '${key}'; its inputs: ${all === '' ? 'none' : all}.`,
        )
      }
      return [found.name, typedData(value)]
    }),
  )
}

function typedData(value: InputData): TypedData {
  if (typeof value === 'string') return { string: value }
  return value instanceof Uint8Array ? { bytes: value } : { json: JSON.stringify(value) }
}

function bufferOf(value: InputData): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value)
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

/** A worker's value: JSON where it is JSON, as the library reads it. */
function shownValue(value: TypedData): ShownValue {
  if (value.http !== undefined) return { kind: 'json', value: value.http }
  return shown(bytesOf(value))
}

function shown(bytes: Buffer): ShownValue {
  if (!isUtf8(bytes)) return { kind: 'bytes', base64: bytes.toString('base64') }
  const text = bytes.toString('utf8')
  const value = jsonIn(text)
  return value === undefined ? { kind: 'text', value: text } : { kind: 'json', value }
}
