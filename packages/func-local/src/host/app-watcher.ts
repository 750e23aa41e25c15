import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { FSWatcher } from 'chokidar'
import { isDynamicPattern } from 'tinyglobby'

/** Stops watching. */
export interface AppWatcher {
  readonly close: () => Promise<void>
}

// Builds write many files; the reload waits for a moment of quiet.
const QUIET_MS = 40
const CONFIGURATION = ['host.json', 'local.settings.json', 'package.json']
const CODE = /\.(?:[cm]?js|[cm]?ts|json|node|wasm)$/

/**
 * Calls back when the app has changed on disk: its configuration files, and the code in the folder that `main` points
 * into (the whole app except `node_modules` and hidden folders when `main` is at its root).
 */
export async function watchApp(appDirectory: string, onChange: () => void): Promise<AppWatcher> {
  const { watch } = await import('chokidar')
  const top = topFolder(mainOf(appDirectory))
  let timer: NodeJS.Timeout | undefined
  const watcher: FSWatcher = watch(appDirectory, {
    ignoreInitial: true,
    // A broken link or a folder without permission is not a reason to end the host.
    ignorePermissionErrors: true,
    ignored: (file, stats) => !isWatched(path.relative(appDirectory, file), stats?.isFile() === true, top),
  })
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, QUIET_MS)
  })
  watcher.on('error', () => undefined)
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return {
    close: async () => {
      clearTimeout(timer)
      await watcher.close()
    },
  }
}

/** Whether a path, relative to the app, can hold code that the app loads. */
export function isWatched(relative: string, isFile: boolean, top: string | undefined): boolean {
  if (relative === '') return true
  const parts = relative.split(path.sep)
  if (parts.length === 1 && CONFIGURATION.includes(relative)) return true
  // Data that Azurite leaves in the folder it was started in changes all the time.
  if (parts.some((part) => part === 'node_modules' || part.startsWith('.') || part.startsWith('__')))
    return false
  if (top !== undefined && parts[0] !== top) return false
  return !isFile || CODE.test(relative)
}

/** The first folder of a `main` pattern; `undefined` when `main` is at the app's root. */
export function topFolder(main: string): string | undefined {
  const parts = main.replace(/^\.\//, '').split('/')
  const [first] = parts
  if (parts.length < 2 || first === undefined || first === '..' || isDynamicPattern(first)) return undefined
  return first
}

function mainOf(appDirectory: string): string {
  try {
    const manifest = JSON.parse(readFileSync(path.join(appDirectory, 'package.json'), 'utf8')) as {
      main?: unknown
    }
    return typeof manifest.main === 'string' ? manifest.main : ''
  } catch {
    return ''
  }
}
