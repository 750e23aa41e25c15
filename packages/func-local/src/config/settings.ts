import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseEnv } from 'node:util'
import * as v from 'valibot'
import { nearest } from '../nearest.ts'
import { ConfigurationError, isObject, readJsonFile, type JsonObject } from './json-file.ts'
import { flag, nullable, text, wholeNumber } from './value-schemas.ts'

/**
 * The app's settings: environment variables, `local.settings.json` where those are unset or empty, and `.env` where that has
 * none either. Names are case-insensitive, and `:` and `__` both separate levels; of several spellings of a name the first one
 * that is not empty counts, and the environment comes before the files.
 */
export interface Settings {
  /** A setting by its name. */
  get: (name: string) => string | undefined
  /** Every setting whose name begins with a prefix, by the rest of its name. */
  under: (prefix: string) => ReadonlyMap<string, string>
  /** The whole environment for the worker process. */
  readonly environment: Readonly<Record<string, string>>
}

/** The `Host` section of `local.settings.json`. */
export interface LocalHostSettings {
  readonly LocalHttpPort?: number | undefined
  readonly CORS?: string | undefined
  readonly CORSCredentials?: boolean | undefined
}

/** `local.settings.json` and `.env` under the environment. */
export interface ReadSettings {
  readonly settings: Settings
  readonly host: LocalHostSettings
  /** One line for each thing in the files that has no effect. */
  readonly problems: readonly string[]
}

const MAX_PORT = 65535
const LOCAL_SETTINGS = 'local.settings.json'
const DOT_ENV = '.env'
const SECTIONS = ['IsEncrypted', 'Values', 'ConnectionStrings', 'Host']
const HOST_KEYS = ['LocalHttpPort', 'CORS', 'CORSCredentials']
// https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
const scalar = v.union([v.string(), v.number(), v.boolean(), v.null()], 'must be text')
const localSettingsSchema = v.object({
  IsEncrypted: v.optional(flag()),
  Values: v.optional(v.nullable(v.record(v.string(), scalar, 'must be an object of texts'))),
  ConnectionStrings: v.optional(
    v.nullable(
      v.record(
        v.string(),
        v.union([v.string(), v.looseObject({ ConnectionString: v.string() })], 'must be text'),
      ),
    ),
  ),
  Host: v.optional(
    v.nullable(
      v.object({
        LocalHttpPort: v.optional(wholeNumber(0, MAX_PORT)),
        CORS: v.optional(nullable(text())),
        CORSCredentials: v.optional(flag()),
      }),
    ),
  ),
})

/**
 * Reads `local.settings.json` and `.env` under the environment. Both may be missing.
 *
 * @throws {ConfigurationError} when a file is broken or encrypted.
 */
export function readSettings(appDirectory: string, environment: NodeJS.ProcessEnv): ReadSettings {
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) given.set(name, value)
  const local = readLocalSettings(path.join(appDirectory, LOCAL_SETTINGS))
  const problems = [...local.problems]
  const withLocal = filled(given, LOCAL_SETTINGS, local.entries, problems, () => undefined)
  const settings = filled(
    withLocal,
    DOT_ENV,
    readDotEnv(path.join(appDirectory, DOT_ENV)),
    problems,
    (name) => ((given.get(name) ?? '') !== '' ? undefined : LOCAL_SETTINGS),
  )
  return { settings: settingsOf(settings), host: local.host, problems }
}

/** A setting as a file has it. */
interface FileEntry {
  /** How the file calls it. */
  readonly key: string
  /** The name of the environment variable. */
  readonly name: string
  readonly value: string
}

/**
 * Settings with those of a file that are unset or empty in them; the others are reported.
 *
 * @param sourceOf the file that a setting comes from; `undefined` for the environment
 */
function filled(
  before: ReadonlyMap<string, string>,
  file: string,
  entries: readonly FileEntry[],
  problems: string[],
  sourceOf: (name: string) => string | undefined,
): ReadonlyMap<string, string> {
  const settings = new Map(before)
  const variables = winners(before)
  for (const { key, name, value } of entries) {
    const variable = variables.get(keyOf(name))
    if (variable === undefined || variable.value === '') {
      settings.set(name, value)
      continue
    }
    // The app finds the value that counts under the file's spelling as well.
    settings.set(name, variable.value)
    if (variable.value === value) continue
    const source = sourceOf(variable.name)
    const which = variable.name === name ? 'of that name' : `'${variable.name}'`
    problems.push(
      source === undefined
        ? `${file}: "${key}" is not used, because the environment variable ${which} is set. Unset it to use the file's value.`
        : `${file}: "${key}" is not used, because ${source} has a value of its own for it.`,
    )
  }
  return settings
}

interface LocalSettings {
  readonly entries: readonly FileEntry[]
  readonly host: LocalHostSettings
  readonly problems: readonly string[]
}

function readLocalSettings(file: string): LocalSettings {
  const json = readJsonFile(file)
  if (json === undefined) return { entries: [], host: {}, problems: [] }
  const content = withKnownNames(json.content, SECTIONS)
  if (isObject(content['Host'])) content['Host'] = withKnownNames(content['Host'], HOST_KEYS)
  const parsed = v.safeParse(localSettingsSchema, content)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw new ConfigurationError(
      `${file}: ${v.getDotPath(issue) ?? 'the file'} ${issue.message}. Correct it.`,
    )
  }
  const { IsEncrypted, Values, ConnectionStrings, Host } = parsed.output
  // Core Tools takes a file without the key for an encrypted one, but only where there is something to decrypt.
  const hasValues = Object.keys(Values ?? {}).length + Object.keys(ConnectionStrings ?? {}).length > 0
  if ((IsEncrypted ?? true) && hasValues) {
    throw new ConfigurationError(
      `${file} is encrypted ("IsEncrypted" is ${IsEncrypted === undefined ? 'missing, which means true' : 'true'}), and only Core Tools on the machine that encrypted it can read it. ` +
        'Run "func settings decrypt" there, or write the values in plain text with "IsEncrypted": false.',
    )
  }
  const problems = unknownKeys(content)
  const entries: FileEntry[] = []
  const add = (section: string, key: string, name: string, value: string | null): void => {
    if (key === '') problems.push(`${LOCAL_SETTINGS}: a setting without a name in "${section}" is ignored.`)
    else if (value === null)
      problems.push(`${LOCAL_SETTINGS}: "${key}" is null and is not set. Use "" for an empty text.`)
    else if (name.includes('='))
      problems.push(
        `${LOCAL_SETTINGS}: "${key}" is ignored: the name of an environment variable cannot hold "=".`,
      )
    else if (value.includes('\0') || name.includes('\0')) throw nulCharacter(file, `${section}.${key}`)
    else entries.push({ key, name, value })
  }
  for (const [key, value] of Object.entries(Values ?? {})) {
    add('Values', key, key, settingText(value, json.digits('Values', key)))
  }
  for (const [key, value] of Object.entries(ConnectionStrings ?? {})) {
    add(
      'ConnectionStrings',
      key,
      `ConnectionStrings:${key}`,
      isObject(value) ? value.ConnectionString : value,
    )
  }
  return { entries, host: Host ?? {}, problems }
}

/** Reads `.env` with the parser of Node.js: https://nodejs.org/api/util.html#utilparseenvcontent */
function readDotEnv(file: string): readonly FileEntry[] {
  let text: string
  try {
    text = new TextDecoder().decode(readFileSync(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A folder of that name is a virtual environment of Python's.
    if (code === 'ENOENT' || code === 'EISDIR') return []
    throw new ConfigurationError(
      `${file} cannot be read (${code ?? String(error)}). Check that it is a file and its permissions.`,
    )
  }
  return Object.entries(parseEnv(text)).map(([key, value = '']) => {
    if (value.includes('\0') || key.includes('\0')) throw nulCharacter(file, key)
    return { key, name: key, value }
  })
}

function nulCharacter(file: string, key: string): ConfigurationError {
  return new ConfigurationError(
    `${file}: ${JSON.stringify(key).slice(1, -1)} holds a NUL character, which no environment variable can. Remove it.`,
  )
}

/** As Core Tools' reader makes texts of values: numbers as they are written in the file, booleans in lower case. */
function settingText(value: string | number | boolean | null, digits: string | undefined): string | null {
  if (typeof value === 'number') return digits ?? String(value)
  return typeof value === 'boolean' ? String(value) : value
}

/** Keys are case-insensitive, as in Core Tools. */
function withKnownNames(content: JsonObject, known: readonly string[]): Record<string, unknown> {
  const renamed = Object.entries(content).map(([key, value]) => [
    known.find((name) => name.toLowerCase() === key.toLowerCase()) ?? key,
    value,
  ])
  return Object.fromEntries(renamed) as Record<string, unknown>
}

function unknownKeys(content: JsonObject): string[] {
  const host = isObject(content['Host']) ? Object.keys(content['Host']) : []
  return [
    ...Object.keys(content)
      .filter((key) => !SECTIONS.includes(key) && key !== '$schema')
      .map((key) => {
        const meant = nearest(key, SECTIONS)
        return `${LOCAL_SETTINGS}: "${key}" is outside "Values" and is ignored. ${meant === undefined ? 'Move it into "Values".' : `Did you mean "${meant}"?`}`
      }),
    ...host
      .filter((key) => !HOST_KEYS.includes(key))
      .map((key) => `${LOCAL_SETTINGS}: "Host.${key}" is not a known setting; it is ignored.`),
  ]
}

/** Settings over a fixed set of values; of several spellings of a name, those that come first take precedence. */
export function settingsOf(values: ReadonlyMap<string, string>): Settings {
  const found = winners(values)
  return {
    get: (name) => found.get(keyOf(name))?.value,
    under: (prefix) => {
      const start = keyOf(prefix)
      return new Map(
        [...found]
          .filter(([key]) => key.startsWith(start))
          .map(([, { name, value }]) => [withColons(name).slice(start.length), value]),
      )
    },
    environment: Object.fromEntries(values),
  }
}

interface NamedValue {
  /** As it is spelt where it comes from. */
  readonly name: string
  readonly value: string
}

/** Of all spellings of each name the first with a value that is not empty, else the first. */
function winners(values: ReadonlyMap<string, string>): ReadonlyMap<string, NamedValue> {
  const found = new Map<string, NamedValue>()
  for (const [name, value] of values) {
    const key = keyOf(name)
    if ((found.get(key)?.value ?? '') === '' && (value !== '' || !found.has(key)))
      found.set(key, { name, value })
  }
  return found
}

/** What all spellings of a setting's name have in common. */
export function keyOf(name: string): string {
  return withColons(name).toLowerCase()
}

function withColons(name: string): string {
  return name.replaceAll('__', ':')
}
