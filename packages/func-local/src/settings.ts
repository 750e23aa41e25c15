/*
 * The public entry `func-local/settings`: the settings of a function app, for tools that work beside the host. It is the
 * host's own reader, so that a tool accepts and refuses the same files.
 */
import { ConfigurationError } from './config/json-file.ts'
import { readSettings as readHostSettings } from './config/settings.ts'

/** The settings of a function app on this machine. */
export interface AppSettings {
  /** A setting by its name, case-insensitive; `:` and `__` both separate levels. */
  readonly get: (name: string) => string | undefined
  /** Every setting under the name that the app finds it by: the environment of the app's process. */
  readonly environment: Readonly<Record<string, string>>
  /** `Host.LocalHttpPort` of `local.settings.json`: the port without `--port`. */
  readonly localHttpPort: number | undefined
}

/** `local.settings.json` or `.env` can't be used. The message names the file, the fault and the next step. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/**
 * Reads `local.settings.json` and `.env` as the host does: `Values` and `ConnectionStrings` fill what is unset or empty in the
 * environment, and `.env` what is unset or empty then. Both files may be missing.
 *
 * @param appDirectory the folder of the function app
 * @param environment takes precedence over the files; usually `process.env`
 * @throws {SettingsError} when the host would refuse a file: it is not JSON, encrypted, or of another shape.
 */
export function readSettings(
  appDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): AppSettings {
  try {
    const { settings, host } = readHostSettings(appDirectory, environment)
    return { get: settings.get, environment: settings.environment, localHttpPort: host.LocalHttpPort }
  } catch (error) {
    if (error instanceof ConfigurationError) throw new SettingsError(error.message, { cause: error })
    throw error
  }
}
