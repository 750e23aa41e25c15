import path from 'node:path'
import * as v from 'valibot'
import { nearest } from '../nearest.ts'
import { ConfigurationError, isObject, readJsonFile, type JsonObject } from './json-file.ts'
import { flag, nullable, text, wholeNumber } from './value-schemas.ts'

/**
 * The app's settings: environment variables, and `local.settings.json` where those are unset or empty. Names are
 * case-insensitive, and `:` and `__` both separate levels; of several spellings of a name the first one that is not empty
 * counts, and the environment comes before the file.
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

/** `local.settings.json` under the environment. */
export interface ReadSettings {
  readonly settings: Settings
  readonly host: LocalHostSettings
  /** One line for each thing in the file that has no effect. */
  readonly problems: readonly string[]
}

const MAX_PORT = 65535
const FILE = 'local.settings.json'
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
 * Reads `local.settings.json` under the environment.
 *
 * @throws {ConfigurationError} when the file is broken or encrypted.
 */
export function readSettings(appDirectory: string, environment: NodeJS.ProcessEnv): ReadSettings {
  const file = path.join(appDirectory, FILE)
  const json = readJsonFile(file)
  const given = new Map<string, string>()
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) given.set(name, value)
  if (json === undefined) return { settings: settingsOf(given), host: {}, problems: [] }

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
  const merged = new Map(given)
  const variables = winners(given)
  // The environment takes precedence, however it spells the name; only what is unset or empty there is filled.
  const fill = (section: string, key: string, name: string, value: string | null): void => {
    if (key === '') problems.push(`${FILE}: a setting without a name in "${section}" is ignored.`)
    else if (value === null)
      problems.push(`${FILE}: "${key}" is null and is not set. Use "" for an empty text.`)
    else if (name.includes('='))
      problems.push(`${FILE}: "${key}" is ignored: the name of an environment variable cannot hold "=".`)
    else if (value.includes('\0') || name.includes('\0'))
      throw new ConfigurationError(
        `${file}: ${section}.${JSON.stringify(key).slice(1, -1)} holds a NUL character, which no environment variable can. Remove it.`,
      )
    else {
      const variable = variables.get(keyOf(name))
      if (variable === undefined || variable.value === '') {
        merged.set(name, value)
        return
      }
      // The app finds the environment's value under the file's spelling as well.
      merged.set(name, variable.value)
      if (variable.value === value) return
      const which = variable.name === name ? 'of that name' : `'${variable.name}'`
      problems.push(
        `${FILE}: "${key}" is not used, because the environment variable ${which} is set. Unset it to use the file's value.`,
      )
    }
  }
  for (const [key, value] of Object.entries(Values ?? {})) {
    fill('Values', key, key, settingText(value, json.digits('Values', key)))
  }
  for (const [key, value] of Object.entries(ConnectionStrings ?? {})) {
    fill(
      'ConnectionStrings',
      key,
      `ConnectionStrings:${key}`,
      isObject(value) ? value.ConnectionString : value,
    )
  }
  return { settings: settingsOf(merged), host: Host ?? {}, problems }
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
        return `${FILE}: "${key}" is outside "Values" and is ignored. ${meant === undefined ? 'Move it into "Values".' : `Did you mean "${meant}"?`}`
      }),
    ...host
      .filter((key) => !HOST_KEYS.includes(key))
      .map((key) => `${FILE}: "Host.${key}" is not a known setting; it is ignored.`),
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

function keyOf(name: string): string {
  return withColons(name).toLowerCase()
}

function withColons(name: string): string {
  return name.replaceAll('__', ':')
}
