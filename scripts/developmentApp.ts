import { watch } from 'node:fs'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DEVELOPMENT_FOLDER, ROOT } from './build.ts'
import { SETTINGS_FILE } from './settings.ts'

/** What the host reads of an app's folder besides its package.json and its code. */
const CONFIGURATION = ['host.json', SETTINGS_FILE, '.env']
/** An editor that replaces a file may take it away first. */
const REPLACED_MS = 500

/**
 * Makes the folder that `npm start` runs the app in, apart from `dist/`, so that nothing made for debugging is ever deployed.
 * The configuration is copied into it now and whenever it changes: hosts watch the folder itself, and not where a link leads.
 */
export async function prepareDevelopmentApp(): Promise<{ readonly close: () => void }> {
  await mkdir(DEVELOPMENT_FOLDER, { recursive: true })
  const manifest = { private: true, type: 'module', main: 'dist/main.js' }
  await writeFile(path.join(DEVELOPMENT_FOLDER, 'package.json'), JSON.stringify(manifest))
  for (const name of CONFIGURATION) await mirror(name)
  const watcher = watch(ROOT, (_, name) => {
    if (name === null) for (const each of CONFIGURATION) void follow(each)
    else if (CONFIGURATION.includes(name)) void follow(name)
  })
  // Without it a change of the configuration is seen at the next start.
  watcher.on('error', () => undefined)
  return watcher
}

async function follow(name: string): Promise<void> {
  if (await copied(name)) return
  await delay(REPLACED_MS)
  await mirror(name)
}

/** A file that is not there is not in the folder either. */
async function mirror(name: string): Promise<void> {
  if (!(await copied(name)))
    await rm(path.join(DEVELOPMENT_FOLDER, name), { force: true }).catch(() => undefined)
}

function copied(name: string): Promise<boolean> {
  return copyFile(path.join(ROOT, name), path.join(DEVELOPMENT_FOLDER, name)).then(
    () => true,
    () => false,
  )
}
