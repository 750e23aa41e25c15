import { parseInvoke, type InvokeCommand } from './invoke/arguments.ts'
import { nearest } from './nearest.ts'
import { UsageError } from './usage-error.ts'

/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'start'; readonly options: StartOptions }
  | { readonly kind: 'invoke'; readonly invoke: InvokeCommand }

/** The options of `start`; `undefined` where the flag is absent. */
export interface StartOptions {
  readonly scriptRoot: string | undefined
  readonly port: number | undefined
  readonly address: string | undefined
  readonly cors: string | undefined
  readonly corsCredentials: boolean
  readonly functions: readonly string[] | undefined
  readonly enableAuth: boolean
  /** Whether browsers get the console at `/`. */
  readonly console: boolean
  readonly verbose: boolean
  /** Serves HTTPS; `undefined` for HTTP. */
  readonly https: HttpsOptions | undefined
  /** Writes the log as JSON, one object a line. */
  readonly json: boolean
  /** Arguments for the worker's Node. */
  readonly languageWorker: readonly string[]
  /** One line for each flag that has no effect. */
  readonly notices: readonly string[]
}

/** What HTTPS is served with. */
export interface HttpsOptions {
  /** A `.pfx` or PEM file; `undefined` for a certificate that is made. */
  readonly cert: string | undefined
  /** The password of `cert`, or the file that holds it. */
  readonly password: string | undefined
}

export { UsageError }

type Kind = 'value' | 'flag' | 'list' | 'worker'

// https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference#func-start
const FLAGS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['--script-root', 'value'],
  ['--port', 'value'],
  ['--address', 'value'],
  ['--cors', 'value'],
  ['--cors-credentials', 'flag'],
  ['--functions', 'list'],
  ['--enableAuth', 'flag'],
  ['--verbose', 'flag'],
  ['--json', 'flag'],
  ['--useHttps', 'flag'],
  ['--cert', 'value'],
  ['--password', 'value'],
  ['--language-worker', 'worker'],
  ['--no-console', 'flag'],
  ['--no-build', 'flag'],
  ['--help', 'flag'],
  ['--version', 'flag'],
])
/** A flag of `func start` that func-local does not have. */
interface Unsupported {
  readonly takesValue: boolean
  /** Whether the app would run differently without it; then the host does not start. */
  readonly matters: boolean
  readonly why: string
}
const OTHER_JSON = 'it has a JSON log of another form, --json'
const OTHER_LANGUAGE = 'it is for .NET apps'
const UNSUPPORTED: ReadonlyMap<string, Unsupported> = new Map([
  ['--enable-json-output', { takesValue: false, matters: true, why: OTHER_JSON }],
  ['--json-output-file', { takesValue: true, matters: true, why: OTHER_JSON }],
  ['--timeout', { takesValue: true, matters: false, why: 'it waits for as long as the app takes to load' }],
  ['--runtime', { takesValue: true, matters: false, why: OTHER_LANGUAGE }],
  ['--dotnet-isolated-debug', { takesValue: false, matters: false, why: OTHER_LANGUAGE }],
  ['--csharp', { takesValue: false, matters: false, why: OTHER_LANGUAGE }],
  ['--debug', { takesValue: false, matters: false, why: 'use --language-worker -- --inspect' }],
])
/** Flags that say what is so here anyway. */
const ACCEPTED = ['--javascript', '--typescript', '--node', '--no-interactive']
const SHORT: ReadonlyMap<string, string> = new Map([
  ['-p', '--port'],
  ['-t', '--timeout'],
  ['-h', '--help'],
  ['-v', '--version'],
  ['--prefix', '--script-root'],
])
const MAX_PORT = 65535

/**
 * Reads the command line: `[start] [flags]` and `invoke <function> [data] [flags]`, also `host start` and `func start` as Core Tools accepts them.
 *
 * @throws {UsageError}
 */
export function parseArguments(args: readonly string[]): Command {
  const rest = [...args]
  if (rest[0] === 'func') rest.shift()
  if (rest[0] === 'host') rest.shift()
  const command = rest[0] === undefined || rest[0].startsWith('-') ? undefined : rest.shift()
  if (command === 'help') return { kind: 'help' }
  if (command === 'version') return { kind: 'version' }
  if (command === 'invoke') {
    if (rest.some((argument) => /^(?:-h|--help)$/i.test(argument))) return { kind: 'help' }
    return { kind: 'invoke', invoke: parseInvoke(rest) }
  }
  if (command !== undefined && command !== 'start') {
    throw new UsageError(
      `Unknown command '${command}'. The commands are 'start' and 'invoke'; see func-local --help.`,
    )
  }
  const values = new Map<string, string>()
  const flags = new Set<string>()
  let functions: string[] | undefined
  let languageWorker: string[] = []
  const notices: string[] = []

  while (rest.length > 0) {
    const [given, inline] = splitInline(rest.shift() ?? '')
    const name = nameOf(given)
    const take = (): string => inline ?? rest.shift() ?? missing(name)
    switch (FLAGS.get(name)) {
      case 'value':
        values.set(name, take())
        break
      case 'flag':
        if (isOn(name, inline ?? followingBoolean(rest))) flags.add(name)
        break
      case 'list':
        functions ??= []
        functions.push(...(inline ?? '').split(/[ ,]+/).filter(Boolean))
        while (rest[0]?.startsWith('-') === false)
          functions.push(...(rest.shift() ?? '').split(/[ ,]+/).filter(Boolean))
        if (functions.length === 0) missing(name)
        break
      case 'worker':
        // `--language-worker -- --inspect`: everything after the two dashes is Node's.
        if (inline !== undefined) languageWorker = inline.split(' ').filter(Boolean)
        else if (rest[0] === '--')
          languageWorker = rest
            .splice(0)
            .slice(1)
            .flatMap((a) => a.split(' ').filter(Boolean))
        else languageWorker = (rest.shift() ?? missing(name)).split(' ').filter(Boolean)
        break
      case undefined: {
        if (ACCEPTED.includes(name)) break
        const unsupported = UNSUPPORTED.get(name)
        if (unsupported === undefined) throw new UsageError(unknown(given))
        if (unsupported.takesValue) take()
        else if (inline === undefined) followingBoolean(rest)
        const what = `${name} is not supported by func-local: ${unsupported.why}.`
        if (unsupported.matters) throw new UsageError(`${what} Leave it out, or use Core Tools (func start).`)
        notices.push(`${what} It is ignored.`)
      }
    }
  }
  if (flags.has('--help')) return { kind: 'help' }
  if (flags.has('--version')) return { kind: 'version' }
  const https = httpsOf(flags.has('--useHttps'), values.get('--cert'), values.get('--password'))
  return {
    kind: 'start',
    options: {
      scriptRoot: values.get('--script-root'),
      port: portOf(values.get('--port')),
      address: values.get('--address'),
      cors: values.get('--cors'),
      corsCredentials: flags.has('--cors-credentials'),
      functions,
      enableAuth: flags.has('--enableAuth'),
      console: !flags.has('--no-console'),
      verbose: flags.has('--verbose'),
      json: flags.has('--json'),
      https,
      languageWorker,
      notices,
    },
  }
}

function httpsOf(
  isAsked: boolean,
  cert: string | undefined,
  password: string | undefined,
): HttpsOptions | undefined {
  if (!isAsked) {
    const given = cert === undefined ? (password === undefined ? undefined : '--password') : '--cert'
    if (given !== undefined) throw new UsageError(`${given} is for HTTPS. Add --useHttps, or leave it out.`)
    return undefined
  }
  if (password !== undefined && cert === undefined)
    throw new UsageError('--password is the password of --cert, which is missing.')
  return { cert, password }
}

function splitInline(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=')
  return argument.startsWith('--') && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined]
}

function nameOf(given: string): string {
  const lower = given.toLowerCase()
  const long = SHORT.get(lower) ?? lower
  return (
    [...FLAGS.keys(), ...UNSUPPORTED.keys(), ...ACCEPTED].find((flag) => flag.toLowerCase() === long) ?? given
  )
}

/** Takes the `true` or `false` that may follow a flag, as in `--useHttps true`. */
function followingBoolean(rest: string[]): string | undefined {
  return /^(?:true|false)$/i.test(rest[0] ?? '') ? rest.shift() : undefined
}

/** Whether a flag is on: it stands alone, or with `true`. */
function isOn(name: string, value = 'true'): boolean {
  if (!/^(?:true|false)$/i.test(value))
    throw new UsageError(`${name} is either true or false, not '${value}'.`)
  return value.toLowerCase() === 'true'
}

function missing(name: string): never {
  throw new UsageError(`${name} needs a value; see func-local --help.`)
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > MAX_PORT)
    throw new UsageError(`--port must be a number from 0 to ${MAX_PORT}, not '${text}'.`)
  return port
}

function unknown(given: string): string {
  if (!given.startsWith('-')) return `Unexpected argument '${given}'; see func-local --help.`
  const meant = nearest(given, [...FLAGS.keys()])
  return `Unknown flag '${given}'.${meant === undefined ? '' : ` Did you mean ${meant}?`} See func-local --help.`
}
