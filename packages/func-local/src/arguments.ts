/** What the command line asks for. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'start'; readonly options: StartOptions }

/** The options of `start`; `undefined` where the flag is absent. */
export interface StartOptions {
  readonly scriptRoot: string | undefined
  readonly port: number | undefined
  readonly address: string | undefined
  readonly cors: string | undefined
  readonly corsCredentials: boolean
  readonly functions: readonly string[] | undefined
  readonly enableAuth: boolean
  readonly verbose: boolean
  /** Arguments for the worker's Node. */
  readonly languageWorker: readonly string[]
}

/** A command line that cannot be used; the message says what to write instead. */
export class UsageError extends Error {}

type Kind = 'value' | 'flag' | 'list' | 'worker'

// https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference#func-start
const FLAGS: Readonly<Record<string, Kind>> = {
  '--script-root': 'value',
  '--port': 'value',
  '--address': 'value',
  '--cors': 'value',
  '--cors-credentials': 'flag',
  '--functions': 'list',
  '--enableAuth': 'flag',
  '--verbose': 'flag',
  '--language-worker': 'worker',
  '--no-build': 'flag',
  '--help': 'flag',
  '--version': 'flag',
}
// Flags of Core Tools for other languages or tools; they change nothing here.
const IGNORED = [
  '--javascript',
  '--typescript',
  '--node',
  '--csharp',
  '--no-interactive',
  '--debug',
  '--prefix',
]
const SHORT: Readonly<Record<string, string>> = { '-p': '--port', '-h': '--help', '-v': '--version' }
const MAX_PORT = 65535

/**
 * Reads the command line: `[start] [flags]`, also `host start` and `func start` as Core Tools accepts them.
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
  if (command !== undefined && command !== 'start') {
    throw new UsageError(`Unknown command '${command}'. The only command is 'start'; see func-local --help.`)
  }
  const values = new Map<string, string>()
  const flags = new Set<string>()
  let functions: string[] | undefined
  let languageWorker: string[] = []

  while (rest.length > 0) {
    const [given, inline] = splitInline(rest.shift() ?? '')
    const name = nameOf(given)
    const take = (): string => inline ?? rest.shift() ?? missing(name)
    switch (FLAGS[name]) {
      case 'value':
        values.set(name, take())
        break
      case 'flag':
        if (inline === undefined || inline === 'true') flags.add(name)
        break
      case 'list':
        functions = inline === undefined ? [] : inline.split(/[ ,]+/)
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
      case undefined:
        if (!IGNORED.includes(name)) throw new UsageError(unknown(given))
    }
  }
  if (flags.has('--help')) return { kind: 'help' }
  if (flags.has('--version')) return { kind: 'version' }
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
      verbose: flags.has('--verbose'),
      languageWorker,
    },
  }
}

function splitInline(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=')
  return argument.startsWith('--') && equals > 0
    ? [argument.slice(0, equals), argument.slice(equals + 1)]
    : [argument, undefined]
}

function nameOf(given: string): string {
  const long = SHORT[given] ?? given
  return [...Object.keys(FLAGS), ...IGNORED].find((flag) => flag.toLowerCase() === long.toLowerCase()) ?? long
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
  const known = Object.keys(FLAGS)
  const [nearest] = known
    .map((flag) => ({ flag, away: distance(flag.toLowerCase(), given.toLowerCase()) }))
    .sort((a, b) => a.away - b.away)
  return `Unknown flag '${given}'.${nearest === undefined ? '' : ` Did you mean ${nearest.flag}?`} See func-local --help.`
}

/** Levenshtein's edit distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
