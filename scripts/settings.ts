import { access, copyFile, readFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { STORAGE_CONNECTION } from '../src/storage/names.ts'
import { ROOT } from './build.ts'

/** The settings for running locally. The file is never committed. */
export const SETTINGS_FILE = 'local.settings.json'

const settingsSchema = v.object({
  IsEncrypted: v.optional(v.boolean()),
  Values: v.optional(v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])), {}),
})

/** `local.settings.json` can't be used. The message says what is wrong and what to do. */
export class SettingsFileError extends Error {
  override readonly name = 'SettingsFileError'
}

/** Copies the example to `local.settings.json` when that is missing. Answers whether it did. */
export async function ensureSettingsFile(): Promise<boolean> {
  const file = path.join(ROOT, SETTINGS_FILE)
  try {
    await access(file)
    return false
  } catch {
    await copyFile(path.join(ROOT, `${SETTINGS_FILE}.example`), file)
    return true
  }
}

/**
 * The app's settings as the host sees them: the environment, and `Values` of `local.settings.json` (when there is one)
 * where the environment says nothing.
 *
 * @throws SettingsFileError
 */
export async function appSettings(): Promise<NodeJS.ProcessEnv> {
  let text: string
  try {
    text = await readFile(path.join(ROOT, SETTINGS_FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return process.env
    throw new SettingsFileError(`${SETTINGS_FILE} cannot be read (${(error as Error).message}).`)
  }
  const settings = { ...process.env }
  // The file's connection string must not hide the identity that somebody set in the environment: whoever works on
  // the storage in Azure would work on the emulator instead.
  const storageInEnvironment = Object.keys(process.env).some((name) =>
    name.toLowerCase().startsWith(`${STORAGE_CONNECTION}__`.toLowerCase()),
  )
  for (const [name, value] of Object.entries(parse(text))) {
    if (storageInEnvironment && name === STORAGE_CONNECTION) continue
    // An empty variable counts as unset, as it does for the host.
    if (settings[name] === undefined || settings[name] === '') settings[name] = String(value)
  }
  return settings
}

function parse(text: string): Readonly<Record<string, string | number | boolean>> {
  const next = `Fix it, or delete it and run "npm start" again: it is made anew from ${SETTINGS_FILE}.example.`
  let json: unknown
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new SettingsFileError(`${SETTINGS_FILE} is not valid JSON (${(error as Error).message}). ${next}`)
  }
  const result = v.safeParse(settingsSchema, json)
  if (!result.success) {
    const [issue] = result.issues
    throw new SettingsFileError(
      `${SETTINGS_FILE}: ${v.getDotPath(issue) ?? 'the file'}: ${issue.message}. ${next}`,
    )
  }
  if (result.output.IsEncrypted === true) {
    throw new SettingsFileError(
      `${SETTINGS_FILE} is encrypted. Decrypt it with "func settings decrypt", or delete it and run "npm start" again.`,
    )
  }
  return result.output.Values
}
