import { constants } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import path from 'node:path'
import type * as FuncLocal from 'func-local/settings'
import { settingKey } from '../src/settings.ts'
import { COSMOS_CONNECTION, STORAGE_CONNECTION } from '../src/storage/names.ts'
import { ROOT } from './build.ts'

/** The settings for running locally. The file is never committed. */
export const SETTINGS_FILE = 'local.settings.json'

/** `local.settings.json` can't be used. The message says what is wrong and what to do. */
export class SettingsFileError extends Error {
  override readonly name = 'SettingsFileError'
}

/**
 * Copies the example to `local.settings.json` when that is missing. Returns whether it did.
 *
 * @throws SettingsFileError
 */
export async function ensureSettingsFile(folder = ROOT): Promise<boolean> {
  const file = path.join(folder, SETTINGS_FILE)
  try {
    await copyFile(path.join(ROOT, `${SETTINGS_FILE}.example`), file, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    throw new SettingsFileError(
      `${file} cannot be created (${code}). Make the folder writable, or copy ${SETTINGS_FILE}.example there yourself.`,
    )
  }
}

/**
 * The app's settings as the host reads them: the environment, and `local.settings.json` (when there is one) where the
 * environment has no value.
 *
 * @throws SettingsFileError when the host would refuse the file
 */
export async function hostSettings(folder = ROOT, environment = process.env): Promise<FuncLocal.AppSettings> {
  const { readSettings, SettingsError } = await funcLocal()
  try {
    return readSettings(folder, environment)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    throw new SettingsFileError(
      `${error.message} If you delete the file, "npm start" creates it again from ${SETTINGS_FILE}.example.`,
    )
  }
}

/**
 * The settings for a tool that works on the app's storage: the host's, but an identity in the environment, for storage or for
 * Cosmos DB, hides the file's connection string. Whoever sets one wants to work on storage in Azure, not on the emulator.
 *
 * @throws SettingsFileError
 */
export async function storageSettings(folder = ROOT, environment = process.env): Promise<NodeJS.ProcessEnv> {
  const settings = await hostSettings(folder, environment)
  const isSet = (name: string) => (environment[name] ?? '') !== ''
  const connectionStrings = [STORAGE_CONNECTION, COSMOS_CONNECTION]
    .filter((connection) =>
      Object.keys(environment).some(
        (name) => isSet(name) && settingKey(name).startsWith(settingKey(`${connection}:`)),
      ),
    )
    .flatMap((connection) => [connection, `ConnectionStrings:${connection}`])
    .map(settingKey)
  return Object.fromEntries(
    Object.entries(settings.environment).filter(
      ([name]) => isSet(name) || !connectionStrings.includes(settingKey(name)),
    ),
  )
}

async function funcLocal(): Promise<typeof FuncLocal> {
  try {
    return await import('func-local/settings')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new SettingsFileError('func-local is not built. Build it with: npm run prepare')
  }
}
