import { watch } from 'node:fs'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DEVELOPMENT_FOLDER, ROOT } from './build.ts'
import { SETTINGS_FILE } from './settings.ts'

/** What the host reads of an app's folder besides its package.json and its code. */
const CONFIGURATION = ['host.json', SETTINGS_FILE, '.env']

/**
 * Makes the folder that `npm start` runs the app in, apart from `dist/`, so that nothing made for debugging is ever deployed.
 * The configuration is copied into it now and whenever it changes: hosts watch the folder itself, and not where a link leads.
 */
export async function prepareDevelopmentApp(): Promise<{ readonly close: () => void }> {
  await mkdir(DEVELOPMENT_FOLDER, { recursive: true })
  const manifest = { private: true, type: 'module', main: 'dist/main.js' }
  await writeFile(path.join(DEVELOPMENT_FOLDER, 'package.json'), JSON.stringify(manifest))
  for (const name of CONFIGURATION) await copy(name)
  const watcher = watch(ROOT, (_, name) => {
    if (name === null) for (const each of CONFIGURATION) void copy(each)
    else if (CONFIGURATION.includes(name)) void copy(name)
  })
  // Without it a change of the configuration is seen at the next start.
  watcher.on('error', () => undefined)
  return watcher
}

/** A file that is not there, or is just being replaced, is copied when it is there again. */
async function copy(name: string): Promise<void> {
  await copyFile(path.join(ROOT, name), path.join(DEVELOPMENT_FOLDER, name)).catch(() => undefined)
}
