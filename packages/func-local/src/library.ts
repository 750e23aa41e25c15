import path from 'node:path'
import { keyOf } from './config/settings.ts'
import { StoppedError } from './host/app-runner.ts'
import { BindingError } from './host/function.ts'
import type { LoadedFunction } from './host/generation.ts'
import type { InvocationNews } from './host/invocation-feed.ts'
import type { InputData, InvokedLog, InvokedResponse } from './host/invoke-by-hand.ts'
import { createLog, type LogRecord } from './host/log.ts'
import { messageOf } from './host/log-format.ts'
import type {
  FunctionOutput,
  FunctionsHost,
  HostFunction,
  HttpResult,
  InvocationResult,
  InvokeOptions,
  LogEntry,
  LoggedLine,
  StartHostOptions,
} from './index.ts'
import { explain, launch, type LaunchedHost } from './launch.ts'
import type { RpcException, TypedData } from './protocol.ts'

/** The host could not start; the message is what the command line prints then. */
export class HostStartError extends Error {
  override readonly name = 'HostStartError'
}

/** A function failed, or could not be invoked. */
export class InvocationError extends Error {
  override readonly name = 'InvocationError'
  readonly outputs: readonly FunctionOutput[]
  readonly logs: readonly LoggedLine[]

  constructor(message: string, outputs: readonly FunctionOutput[], logs: readonly LoggedLine[]) {
    super(message)
    this.outputs = outputs
    this.logs = logs
  }
}

/** `JSON.parse`, of whichever global object. */
type ParseJson = (text: string) => unknown

const MOST_LOGS = 10_000
const MOST_OUTPUTS = 1000

/**
 * Starts a host for an app, and resolves when the app has loaded. It changes nothing of the process it runs in: no
 * environment variable, no working directory, no handler of signals.
 *
 * @param parse makes the values that functions gave or returned
 * @throws {HostStartError} when the host does not start.
 */
export async function startHost(options: StartHostOptions, parse: ParseJson): Promise<FunctionsHost> {
  const logs: LogEntry[] = []
  let { logger } = options
  const log = createLog({ verbose: options.verbose === true }, (record) => {
    const entry = entryOf(record)
    if (entry === undefined) return
    logs.push(entry)
    if (logs.length > MOST_LOGS) logs.shift()
    try {
      logger?.(entry)
    } catch (error) {
      // It must not take an invocation with it.
      logger = undefined
      log.warn(`The logger is not called any more, because it threw: ${String(error)}`)
    }
  })
  let host: LaunchedHost
  try {
    host = await launch({
      appDirectory: path.resolve(options.scriptRoot ?? '.'),
      environment: environmentWith(options.settings ?? {}),
      address: options.address,
      port: options.port ?? 0,
      functions: options.functions,
      cors: undefined,
      corsCredentials: false,
      enableAuth: options.enableAuth === true,
      languageWorker: [],
      tls: undefined,
      watch: options.watch === true,
      interactive: false,
      // The zone of this process is its owner's. Handlers have the app's zone, since they run in another.
      setTimeZone: () => undefined,
      listens: true,
      console: false,
      log,
      stopping: options.signal ?? new AbortController().signal,
    })
  } catch (error) {
    const reason = error instanceof StoppedError ? error.message : explain(error)
    throw new HostStartError(log.redact(reason), { cause: error })
  }
  return createHandle(host, logs, options.address, parse)
}

function createHandle(
  host: LaunchedHost,
  logs: readonly LogEntry[],
  address: string | undefined,
  parse: ParseJson,
): FunctionsHost {
  const url = `http://${reachable(address)}:${host.port}`
  const outputs = new Map<string, FunctionOutput[]>()
  host.invocations.subscribe((news) => {
    if (news.kind === 'output') keepOutput(news)
  })
  const stop = async (): Promise<void> => {
    await host.stop()
  }
  return {
    url,
    port: host.port,
    get key() {
      return host.key
    },
    get functions() {
      return host.functions().map((fn) => describe(fn, url))
    },
    logs,
    invoke,
    outputs: (name) => [...(outputs.get(name.toLowerCase()) ?? [])],
    stop,
    [Symbol.asyncDispose]: stop,
  }

  function keepOutput({
    functionName,
    invocationId,
    output,
  }: Extract<InvocationNews, { kind: 'output' }>): void {
    const fn = host.functions().find(({ definition }) => definition.name === functionName)
    const binding = fn?.definition.outputs.find(({ name }) => name === output.name)
    const { name: _name, type: _type, direction: _direction, ...properties } = binding ?? {}
    const key = functionName.toLowerCase()
    const kept = outputs.get(key) ?? []
    outputs.set(key, kept)
    kept.push({
      invocationId,
      name: output.name,
      type: output.type,
      binding: properties,
      value: valueOf(output.value, parse),
      isWritten: output.isWritten,
    })
    if (kept.length > MOST_OUTPUTS) kept.shift()
  }

  async function invoke(
    name: string,
    data?: unknown,
    { inputs = {}, blob }: InvokeOptions = {},
  ): Promise<InvocationResult> {
    const returned = new Map<string, TypedData | undefined>()
    const end = host.invocations.subscribe((news) => {
      if (news.kind === 'ended') returned.set(news.invocationId, news.returnValue)
    })
    try {
      const values = Object.entries(inputs).map(([input, value]) => [input, dataOf(value) ?? null] as const)
      const { invocationId, error, response, logs } = await host.byHand.invoke(name, dataOf(data), {
        inputs: Object.fromEntries(values),
        blob,
      })
      const own = { outputs: outputsOf(name, invocationId), logs: logs.flatMap(loggedLine) }
      if (error !== undefined) throw failureOf(error, own.outputs, own.logs)
      const value = returned.get(invocationId ?? '')
      const result = response === undefined ? value && valueOf(value, parse) : httpResult(response, parse)
      return { invocationId, result, ...own }
    } catch (error) {
      if (!(error instanceof BindingError)) throw error
      throw new InvocationError(`Function '${name}' cannot be invoked: ${error.message}`, [], [])
    } finally {
      end()
    }
  }

  function outputsOf(name: string, invocationId: string | undefined): readonly FunctionOutput[] {
    return (outputs.get(name.toLowerCase()) ?? []).filter((output) => output.invocationId === invocationId)
  }
}

/** As the host takes it: nothing, text, bytes, or what becomes JSON. @throws {TypeError} */
function dataOf(data: unknown): InputData | undefined {
  switch (typeof data) {
    case 'undefined':
    case 'string':
    case 'number':
    case 'boolean':
      return data
    case 'object':
      // A sandbox may have classes of its own.
      return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : data
    default:
      throw new TypeError(`The data of an invocation must be text, bytes or JSON, not a ${typeof data}.`)
  }
}

function loggedLine({ level, message }: InvokedLog): readonly LoggedLine[] {
  return level === 'none' ? [] : [{ level, message }]
}

function failureOf(
  { message, stackTrace = '' }: RpcException,
  outputs: readonly FunctionOutput[],
  logs: readonly LoggedLine[],
): InvocationError {
  const failure = new InvocationError(message, outputs, logs)
  if (stackTrace !== '') failure.stack = stackTrace
  return failure
}

function httpResult({ status, headers, body }: InvokedResponse, parse: ParseJson): HttpResult {
  if (body.kind === 'bytes') return { status, headers, body: Buffer.from(body.base64, 'base64') }
  return { status, headers, body: body.kind === 'json' ? parse(JSON.stringify(body.value)) : body.value }
}

/** A worker's value as JavaScript has it. */
function valueOf(value: TypedData, parse: ParseJson): unknown {
  const bytes = value.bytes ?? value.stream
  if (bytes !== undefined) return Buffer.from(bytes)
  if (value.json !== undefined) return parse(value.json)
  return value.string ?? value.int ?? value.double ?? value.http ?? null
}

function describe({ definition, disabled, listener }: LoadedFunction, url: string): HostFunction {
  const { endpoint } = listener
  return {
    name: definition.name,
    trigger: definition.trigger.type,
    disabled,
    onCall: listener.onCall !== undefined,
    ...(endpoint === undefined ? {} : { url: `${url}/${endpoint.route}` }),
    ...(endpoint?.methods === undefined ? {} : { methods: endpoint.methods }),
  }
}

/** `undefined` for what is there only to be looked at: an empty line, and the level that is none. */
function entryOf(record: LogRecord): LogEntry | undefined {
  const { time, level, category } = record
  const message = messageOf(record)
  if (level === 'none' || (message === '' && record.plain !== undefined)) return undefined
  return {
    time,
    level,
    category,
    message,
    ...(record.functionName === undefined ? {} : { functionName: record.functionName }),
    ...(record.invocationId === undefined ? {} : { invocationId: record.invocationId }),
  }
}

/** The environment of this process, in which a setting takes the place of every spelling of its name. */
function environmentWith(settings: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const given = new Set(Object.keys(settings).map(keyOf))
  const others = Object.entries(process.env).filter(([name]) => !given.has(keyOf(name)))
  return { ...Object.fromEntries(others), ...settings }
}

/** The address under which this machine reaches a server that listens on an address. */
function reachable(address = '127.0.0.1'): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}
