import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { FSWatcher, watch as watchFiles } from 'chokidar'
import type { WatchOptions } from '../config/host-options.ts'

/** Watches the app's files. */
export interface AppWatcher {
  /** Watches what the app is made of now; called after each load, whose `host.json` and `package.json` may be new. */
  readonly update: (options: WatchOptions) => void
  /** Stops watching. */
  readonly close: () => Promise<void>
}

// Builds write many files; the reload waits for a moment of quiet.
const QUIET_MS = 40
const CONFIGURATION = ['host.json', 'local.settings.json', '.env', 'package.json']
// What the real host's Node.js worker names as code, TypeScript that Node runs as it is, and native code. No JSON: it is
// mostly data, and a handler that writes some beside its code must not reload the app.
// https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/worker.config.json
const CODE = /\.(?:[cm]?js|[cm]?ts|node|wasm)$/

/** What is watched: `main` of `package.json`, and what `host.json` says. */
interface Subject {
  readonly main: string
  readonly options: WatchOptions
}

/** Which paths, relative to the app, reload it. */
export interface WatchRules {
  /** The folder that `main` points into; `undefined` means the whole app. */
  readonly top: string | undefined
  readonly options: WatchOptions
}

/**
 * Calls back when the app has changed on disk: its configuration files, and the code in the folder that `main` points
 * into (the whole app except `node_modules` and hidden folders when `main` is at its root); also what `watchDirectories`
 * and `watchFiles` of `host.json` name.
 */
export function watchApp(
  appDirectory: string,
  initial: WatchOptions,
  onChange: () => void,
  onError: (reason: string) => void,
  chokidar: () => Promise<{ readonly watch: typeof watchFiles }> = () => import('chokidar'),
): AppWatcher {
  let timer: NodeJS.Timeout | undefined
  let subject: Subject = { main: mainOf(appDirectory), options: initial }
  let failed = false
  let open = start()

  return {
    update: (options) => {
      const next: Subject = { main: mainOf(appDirectory), options }
      if (JSON.stringify(next) === JSON.stringify(subject)) return
      subject = next
      const previous = open
      open = start()
      void close(previous)
    },
    close: async () => {
      clearTimeout(timer)
      await close(open)
    },
  }

  async function start(): Promise<FSWatcher | undefined> {
    const { main, options } = subject
    if (!options.enabled) return undefined
    const since = Date.now()
    const [{ watch }, top] = await Promise.all([chokidar(), topFolder(main)])
    const rules: WatchRules = { top, options }
    const watcher: FSWatcher = watch(appDirectory, {
      // What changes before everything is watched is seen by its time.
      ignoreInitial: false,
      alwaysStat: true,
      // A broken link or a folder without permission is not a reason to end the host.
      ignorePermissionErrors: true,
      ignored: (file, stats) =>
        !isWatched(path.relative(appDirectory, file), stats?.isFile() === true, rules),
    })
    let ready = false
    watcher.once('ready', () => (ready = true))
    watcher.on('all', (_event, _file, stats) => {
      if (!ready && (stats === undefined || stats.isDirectory() || stats.ctimeMs < since)) return
      clearTimeout(timer)
      timer = setTimeout(onChange, QUIET_MS)
    })
    watcher.on('error', (error) => {
      if (!failed) onError(error instanceof Error ? error.message : String(error))
      failed = true
    })
    return watcher
  }

  async function close(watcher: Promise<FSWatcher | undefined>): Promise<void> {
    await (await watcher)?.close()
  }
}

/** Whether a path, relative to the app, can hold code that the app loads. */
export function isWatched(relative: string, isFile: boolean, { top, options }: WatchRules): boolean {
  if (relative === '') return true
  const parts = relative.split(path.sep)
  const [first = ''] = parts
  if (parts.length === 1 && [...CONFIGURATION, ...options.files].includes(relative)) return true
  if (options.directories.includes(first)) return true
  // Data that Azurite leaves in the folder it was started in changes all the time.
  if (parts.some((part) => part === 'node_modules' || part.startsWith('.') || part.startsWith('__')))
    return false
  if (top !== undefined && first !== top) return false
  return !isFile || CODE.test(relative)
}

/** The first folder of a `main` pattern; `undefined` when `main` is at the app's root. */
export async function topFolder(main: string): Promise<string | undefined> {
  const parts = main.replace(/^\.\//, '').split('/')
  const [first] = parts
  if (parts.length < 2 || first === undefined || first === '..') return undefined
  // A start does not wait for what only the watcher needs.
  const { isDynamicPattern } = await import('tinyglobby')
  return isDynamicPattern(first) ? undefined : first
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
