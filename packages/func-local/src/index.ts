/*
 * The public entry `func-local`: a host in the process that asks for it, for tests. The implementation is `library.ts`. It is
 * loaded by Node.js itself and not by a test runner's module loader: once for all test files of a process, and out of
 * reach of their fake timers, mocks and globals.
 */
import { runInThisContext } from 'node:vm'
import type * as Library from './library.ts'

/** How a host is started. */
export interface StartHostOptions {
  /** The app's folder, with its `host.json`; the current one by default. */
  readonly scriptRoot?: string | undefined
  /** The port to listen on; a free one by default. */
  readonly port?: number | undefined
  /** The address to listen on; `127.0.0.1` by default, which only this machine reaches. */
  readonly address?: string | undefined
  /**
   * Settings of the app. They take precedence over the environment of this process, `local.settings.json` and `.env`;
   * `undefined` unsets one of the environment.
   */
  readonly settings?: Readonly<Record<string, string | undefined>> | undefined
  /** The functions that run; all by default. */
  readonly functions?: readonly string[] | undefined
  /** Called with each entry of the log as it comes, until it throws; nothing is printed by default. */
  readonly logger?: ((entry: LogEntry) => void) | undefined
  /** Shows the host's own information in the log, too. */
  readonly verbose?: boolean | undefined
  /** Asks for keys, as in Azure: {@link FunctionsHost.key}. */
  readonly enableAuth?: boolean | undefined
  /** Loads the app again when its files change; off by default. */
  readonly watch?: boolean | undefined
  /** Ends a start that has not finished. */
  readonly signal?: AbortSignal | undefined
}

/** An entry of the log. Secrets of the settings are hidden in it. */
export interface LogEntry {
  readonly time: Date
  readonly level: 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical'
  /** `Function.<name>.User` for what a handler logs, `Function.<name>`, `Host.Requests`, `Host.General`, … */
  readonly category: string
  readonly message: string
  /** The function that it is about. */
  readonly functionName?: string
  readonly invocationId?: string
}

/** A function of the app. */
export interface HostFunction {
  readonly name: string
  /** The type of its trigger: `httpTrigger`, `queueTrigger`, … */
  readonly trigger: string
  /** Whether a setting disables it (`AzureWebJobs.<name>.Disabled`). */
  readonly disabled: boolean
  /** Whether nothing makes it run here but {@link FunctionsHost.invoke}: its service is not on this machine. */
  readonly onCall: boolean
  /** Only for an HTTP function: its address, with the route as the app has it (`…/api/order/{id}`). */
  readonly url?: string
  /** Only for an HTTP function that names them: its methods. */
  readonly methods?: readonly string[]
}

/** What a function gave to one of its output bindings. */
export interface FunctionOutput {
  readonly invocationId: string
  /** The binding's name; `$return` for the handler's return value. */
  readonly name: string
  /** The binding's type: `queue`, `blob`, `table`, … */
  readonly type: string
  /** The binding's own properties: `queueName`, `path`, `tableName`, … */
  readonly binding: Readonly<Record<string, unknown>>
  /** Text, bytes (a `Buffer`), or what its JSON says. */
  readonly value: unknown
  /** Whether it was written to its service; where there is no such service here it is only kept. */
  readonly isWritten: boolean
}

/** A line that a handler logged with `context.log` and its like, whatever the log levels of the app are. */
export interface LoggedLine {
  readonly level: LogEntry['level']
  readonly message: string
}

/** An HTTP request, as {@link FunctionsHost.invoke} takes it for an HTTP function. */
export interface HttpCall {
  /** `GET` by default where the function has it, else its first method. */
  readonly method?: string
  /** The values of the route: `{ id: '1' }` for `order/{id}`. */
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Text as it is, anything else as JSON. Send bytes with `fetch`. */
  readonly body?: unknown
}

/** The response of an HTTP function, as {@link FunctionsHost.invoke} returns it. */
export interface HttpResult {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** What its JSON says, else text; bytes (a `Buffer`) where it is no text. */
  readonly body: unknown
}

/** How an invocation ended. */
export interface InvocationResult {
  /** `undefined` when the host itself responded to an HTTP request, with 404 or 413 for example. */
  readonly invocationId: string | undefined
  /** What the handler returned; for an HTTP function its {@link HttpResult}. */
  readonly result: unknown
  readonly outputs: readonly FunctionOutput[]
  /** What the handler logged. */
  readonly logs: readonly LoggedLine[]
}

/** What an invocation is given besides its data. */
export interface InvokeOptions {
  /** Values of input bindings, by their names, or by their types where only one is of the type. */
  readonly inputs?: Readonly<Record<string, unknown>>
  /** For a blob trigger, what the data is called: `container/name`; without data, the blob that is read. */
  readonly blob?: string
}

/** A host that runs. */
export interface FunctionsHost extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** The key that `enableAuth` asks for, in `x-functions-key`; it is the setting `FUNC_LOCAL_KEY`, or made. */
  readonly key: string | undefined
  /** The functions that can run. */
  readonly functions: readonly HostFunction[]
  /** The log so far, of a long one its last 10,000 entries. */
  readonly logs: readonly LogEntry[]
  /**
   * Runs a function once, as if its trigger had fired, and waits for its end.
   *
   * @param data the value that the handler gets: the message of a queue, the content of a blob, an {@link HttpCall} for an HTTP
   * function. What is neither text nor bytes is passed on as JSON. Without data a sample is taken, as by `func-local invoke`.
   * @throws {InvocationError} when the function fails, there is none of that name, or it cannot run with this data.
   */
  invoke: (name: string, data?: unknown, options?: InvokeOptions) => Promise<InvocationResult>
  /** What a function gave to its outputs so far, whatever made it run; of many, the last 1,000. Its HTTP response is none. */
  outputs: (name: string) => readonly FunctionOutput[]
  /**
   * Frees the port at once, lets what runs finish, for ten seconds at most, and ends the app's process. Nothing of the host is
   * left when it resolves.
   */
  stop: () => Promise<void>
}

/** The host could not start. The message is the line that `func-local start` prints then. */
export interface HostStartError extends Error {
  readonly name: 'HostStartError'
}

/** A function failed, or could not be invoked. The message and the stack are the handler's. */
export interface InvocationError extends Error {
  readonly name: 'InvocationError'
  /** What the function gave to its outputs before it failed. */
  readonly outputs: readonly FunctionOutput[]
  readonly logs: readonly LoggedLine[]
}

// The process as Node.js made it: a test runner's sandbox has one of its own, whose modules are those of the sandbox.
const nodeProcess = runInThisContext('process') as NodeJS.Process
// In development the sources run as they are; installed, the bundles do.
const file = import.meta.url.endsWith('.ts') ? './library.ts' : './library.js'
const library = nodeProcess.getBuiltinModule('node:module').createRequire(import.meta.url)(
  file,
) as typeof Library

/**
 * Starts a host for an app, and resolves when the app has loaded. There may be any number of hosts in a process.
 *
 * @throws {HostStartError} when the host does not start.
 */
export function startHost(options: StartHostOptions = {}): Promise<FunctionsHost> {
  // What functions returned is made of the caller's own objects, so that strict comparisons hold in a sandbox, too.
  return library.startHost(options, JSON.parse)
}

/** For `instanceof`. */
export const HostStartError: new (message: string, options?: ErrorOptions) => HostStartError =
  library.HostStartError

/** For `instanceof`. */
export const InvocationError: new (
  message: string,
  outputs: readonly FunctionOutput[],
  logs: readonly LoggedLine[],
) => InvocationError = library.InvocationError
