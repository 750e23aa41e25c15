import { nearest } from '../nearest.ts'
import { UsageError } from '../usage-error.ts'

/** Where a value comes from: the command line, a file (`@name`), or standard input (`-`). */
export type DataSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stdin' }

/** What `func-local invoke` is asked for. */
export interface InvokeCommand {
  readonly functionName: string
  /** `undefined`: the sample of the function's trigger. */
  readonly data: DataSource | undefined
  readonly inputs: ReadonlyMap<string, DataSource>
  readonly blob: string | undefined
  readonly scriptRoot: string | undefined
  readonly port: number | undefined
  readonly key: string | undefined
  /** Print the sample instead of calling the function. */
  readonly sample: boolean
  /** Print one JSON object. */
  readonly json: boolean
  readonly verbose: boolean
}

const VALUES = ['--input', '--blob', '--script-root', '--port', '--key'] as const
const FLAGS = ['--sample', '--json', '--verbose'] as const
const SHORT: ReadonlyMap<string, string> = new Map([
  ['-p', '--port'],
  ['--prefix', '--script-root'],
])
const MAX_PORT = 65535

/**
 * Reads what follows `invoke`: `<function> [data|@file|-] [flags]`.
 *
 * @throws {UsageError}
 */
export function parseInvoke(args: readonly string[]): InvokeCommand {
  const rest = [...args]
  const positional: string[] = []
  const values = new Map<string, string>()
  const inputs = new Map<string, DataSource>()
  const flags = new Set<string>()
  while (rest.length > 0) {
    const given = rest.shift() ?? ''
    if (given === '--') {
      positional.push(...rest.splice(0))
      break
    }
    if (given === '-' || !given.startsWith('-')) {
      positional.push(given)
      continue
    }
    const equals = given.startsWith('--') ? given.indexOf('=') : -1
    const name = nameOf(equals < 0 ? given : given.slice(0, equals))
    if (isOneOf(FLAGS, name)) {
      flags.add(name)
      continue
    }
    if (!isOneOf(VALUES, name)) throw new UsageError(unknown(given))
    const value = equals < 0 ? rest.shift() : given.slice(equals + 1)
    if (value === undefined) throw new UsageError(`${name} needs a value; see func-local --help.`)
    if (name === '--input') {
      const [input, source] = inputOf(value)
      inputs.set(input, source)
    } else values.set(name, value)
  }
  const [functionName, data, ...more] = positional
  if (functionName === undefined)
    throw new UsageError('func-local invoke needs the name of a function; see func-local --help.')
  if (more[0] !== undefined)
    throw new UsageError(
      `Unexpected argument '${more[0]}': the data is one argument. Put it in quotes; see func-local --help.`,
    )
  return {
    functionName,
    data: data === undefined ? undefined : sourceOf(data),
    inputs,
    blob: values.get('--blob'),
    scriptRoot: values.get('--script-root'),
    port: portOf(values.get('--port')),
    key: values.get('--key'),
    sample: flags.has('--sample'),
    json: flags.has('--json'),
    verbose: flags.has('--verbose'),
  }
}

function sourceOf(text: string): DataSource {
  if (text === '-') return { kind: 'stdin' }
  return text.startsWith('@') ? { kind: 'file', path: text.slice(1) } : { kind: 'text', text }
}

function inputOf(value: string): [string, DataSource] {
  const equals = value.indexOf('=')
  if (equals <= 0) throw new UsageError(`--input is name=value, name=@file or name=-, not '${value}'.`)
  return [value.slice(0, equals), sourceOf(value.slice(equals + 1))]
}

function nameOf(given: string): string {
  const lower = given.toLowerCase()
  return SHORT.get(lower) ?? lower
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return names.some((one) => one === name)
}

function unknown(given: string): string {
  const meant = nearest(given, [...VALUES, ...FLAGS])
  return `Unknown flag '${given}' of invoke.${meant === undefined ? '' : ` Did you mean ${meant}?`} See func-local --help.`
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > MAX_PORT || port === 0)
    throw new UsageError(
      `--port must be the port of a running host, a number from 1 to ${MAX_PORT}, not '${text}'.`,
    )
  return port
}
