import path from 'node:path'
import * as v from 'valibot'
import { ConfigurationError, isObject, readJsonFile } from './json-file.ts'
import { flag, wholeNumber } from './value-schemas.ts'

/** The app's settings: environment variables, and `local.settings.json` where those are unset or empty. */
export interface Settings {
  /** A setting by its name, in any case; `:` and `__` both separate levels. */
  get: (name: string) => string | undefined
  /** Every setting whose name begins with a prefix (in any case), by the rest of its name. */
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

const MAX_PORT = 65535
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
        CORS: v.optional(v.string('must be text: the allowed origins, with commas between')),
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
export function readSettings(
  appDirectory: string,
  environment: NodeJS.ProcessEnv,
): { settings: Settings; host: LocalHostSettings } {
  const file = path.join(appDirectory, 'local.settings.json')
  const content = readJsonFile(file)
  const merged = new Map<string, string>()
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) merged.set(name, value)
  if (content === undefined) return { settings: settingsOf(merged), host: {} }

  const parsed = v.safeParse(localSettingsSchema, content)
  if (!parsed.success) {
    const [issue] = parsed.issues
    throw new ConfigurationError(
      `${file}: ${v.getDotPath(issue) ?? 'the file'} ${issue.message}. Correct it and start again.`,
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
  for (const [name, value] of Object.entries(Values ?? {}))
    fill(merged, name, value === null ? '' : String(value))
  for (const [name, value] of Object.entries(ConnectionStrings ?? {})) {
    fill(merged, `ConnectionStrings:${name}`, isObject(value) ? value.ConnectionString : value)
  }
  return { settings: settingsOf(merged), host: Host ?? {} }
}

/** The environment wins; only a variable that is unset or empty is filled. */
function fill(merged: Map<string, string>, name: string, value: string): void {
  if ((merged.get(name) ?? '') === '') merged.set(name, value)
}

/** Settings over a fixed set of values. */
export function settingsOf(values: ReadonlyMap<string, string>): Settings {
  const byKey = new Map<string, string>()
  for (const [name, value] of values) {
    const key = keyOf(name)
    if ((byKey.get(key) ?? '') === '') byKey.set(key, value)
  }
  return {
    get: (name) => byKey.get(keyOf(name)),
    under: (prefix) => {
      const start = keyOf(prefix)
      const found = new Map<string, string>()
      for (const [name, value] of values) {
        const normalised = name.replaceAll('__', ':')
        if (keyOf(normalised).startsWith(start)) found.set(normalised.slice(start.length), value)
      }
      return found
    },
    environment: Object.fromEntries(values),
  }
}

function keyOf(name: string): string {
  return name.replaceAll('__', ':').toLowerCase()
}
