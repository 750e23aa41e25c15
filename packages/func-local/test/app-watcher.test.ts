import { afterEach, describe, expect, test } from '@jest/globals'
import { EventEmitter } from 'node:events'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WatchOptions } from '../src/config/host-options.ts'
import { isWatched, topFolder, watchApp, type AppWatcher, type WatchRules } from '../src/host/app-watcher.ts'
import { writeApp, type TestApp } from './harness/app.ts'

const OPTIONS: WatchOptions = { enabled: true, directories: [], files: [] }

describe('the folder that main points into', () => {
  test.each([
    ['src/*.js', 'src'],
    ['./src/functions/*.js', 'src'],
    ['dist/src/{index.js,functions/*.js}', 'dist'],
    ['a/b', 'a'],
    ['index.js', undefined],
    ['./index.js', undefined],
    ['', undefined],
    ['../other/src/*.js', undefined],
    ['{src,lib}/*.js', undefined],
    ['*/index.js', undefined],
  ])('%s: %s', async (main, folder) => {
    expect(await topFolder(main)).toBe(folder)
  })
})

describe('what reloads the app', () => {
  const whole: WatchRules = { top: undefined, options: OPTIONS }
  const src: WatchRules = { top: 'src', options: OPTIONS }
  const file = (name: string, rules: WatchRules): boolean =>
    isWatched(path.join(...name.split('/')), true, rules)
  const folder = (name: string, rules: WatchRules): boolean =>
    isWatched(path.join(...name.split('/')), false, rules)

  test.each([
    'a.js',
    'a.cjs',
    'a.mjs',
    'a.ts',
    'a.cts',
    'a.mts',
    'a.node',
    'a.wasm',
    'deep/er/a.js',
    'src/a.js',
  ])('is code: %s', (name) => {
    expect(file(name, whole)).toBe(true)
  })

  test.each([
    'a.json',
    'a.txt',
    'ajs',
    'a.js.map',
    'a.jsx',
    'deep/host.json',
    'src/package.json',
    'local.settings.json.example',
  ])('is not data: %s', (name) => {
    expect(file(name, whole)).toBe(false)
  })

  test.each(['host.json', 'local.settings.json', '.env', 'package.json'])(
    'is the configuration: %s',
    (name) => {
      expect(file(name, whole)).toBe(true)
      expect(file(name, src)).toBe(true)
    },
  )

  test.each([
    'node_modules/a/a.js',
    'src/node_modules/a.js',
    '.git/a.js',
    'src/.hidden/a.js',
    '__queuestorage__/a.js',
    'src/__azurite_db.js',
    '.a.js',
  ])('is not %s', (name) => {
    expect(file(name, whole)).toBe(false)
    expect(file(name, src)).toBe(false)
  })

  test('is in the folder that main points into only', () => {
    expect(file('src/deep/a.js', src)).toBe(true)
    expect(file('lib/a.js', src)).toBe(false)
    expect(file('a.js', src)).toBe(false)
    expect(folder('src', src)).toBe(true)
    expect(folder('src/deep', src)).toBe(true)
    expect(folder('lib', src)).toBe(false)
    expect(folder('lib', whole)).toBe(true)
    expect(folder('node_modules', whole)).toBe(false)
    expect(isWatched('', false, src)).toBe(true)
  })

  test('is what host.json names: folders and files at the root', () => {
    const more: WatchRules = {
      top: 'src',
      options: { ...OPTIONS, directories: ['data', '.hidden'], files: ['x.txt'] },
    }
    expect(file('data/deep/a.json', more)).toBe(true)
    expect(file('.hidden/a', more)).toBe(true)
    expect(folder('data', more)).toBe(true)
    expect(file('x.txt', more)).toBe(true)
    expect(file('src/x.txt', more)).toBe(false)
    expect(file('lib/data/a.json', more)).toBe(false)
  })
})

describe('what the watching library reports', () => {
  type Stats = Partial<Record<'ctimeMs', number>> & { isDirectory: () => boolean; isFile: () => boolean }
  interface Fake {
    readonly emit: (event: string, ...args: unknown[]) => void
    readonly options: Record<string, unknown>
    closed: boolean
  }

  /** Watches with watchers of the test's own. */
  async function watch(
    options: WatchOptions = OPTIONS,
  ): Promise<{ watchers: Fake[]; changes: () => number; errors: string[]; watcher: AppWatcher }> {
    const watchers: Fake[] = []
    const errors: string[] = []
    let changes = 0
    const open = (_directory: string, given: Record<string, unknown>): unknown => {
      const emitter = new EventEmitter()
      const fake: Fake = {
        emit: (event, ...args) => void emitter.emit(event, ...args),
        options: given,
        closed: false,
      }
      watchers.push(fake)
      return Object.assign(emitter, {
        close: () => {
          fake.closed = true
          return Promise.resolve()
        },
      })
    }
    const watcher = watchApp(
      '/nowhere',
      options,
      () => changes++,
      (reason) => errors.push(reason),
      () => Promise.resolve({ watch: open as never }),
    )
    await sleep(1)
    return { watchers, changes: () => changes, errors, watcher }
  }
  const stats = (ctimeMs: number, isDirectory = false): Stats => ({
    ctimeMs,
    isDirectory: () => isDirectory,
    isFile: () => !isDirectory,
  })
  const quiet = (): Promise<unknown> => sleep(80)

  test('before everything is watched counts when it is newer than the start', async () => {
    const { watchers, changes, watcher } = await watch()
    const [fake] = watchers
    const now = Date.now()
    fake?.emit('all', 'add', 'old.js', stats(now - 60_000))
    fake?.emit('all', 'addDir', 'folder', stats(now + 60_000, true))
    fake?.emit('all', 'unlink', 'gone.js', undefined)
    await quiet()
    expect(changes()).toBe(0)
    fake?.emit('all', 'add', 'new.js', stats(now + 60_000))
    await quiet()
    expect(changes()).toBe(1)
    fake?.emit('ready')
    fake?.emit('all', 'unlink', 'gone.js', undefined)
    fake?.emit('all', 'change', 'old.js', stats(now - 60_000))
    await quiet()
    // Both together are one reload.
    expect(changes()).toBe(2)
    await watcher.close()
    expect(fake?.closed).toBe(true)
  })

  test('asks the library for what it needs', async () => {
    const { watchers, watcher } = await watch()
    const options = watchers[0]?.options
    expect(options).toMatchObject({ ignoreInitial: false, alwaysStat: true, ignorePermissionErrors: true })
    const ignored = options?.['ignored'] as (file: string, found?: Stats) => boolean
    expect(ignored('/nowhere')).toBe(false)
    expect(ignored('/nowhere/a.js', stats(0))).toBe(false)
    expect(ignored('/nowhere/a.txt', stats(0))).toBe(true)
    // A folder, or what is not known yet, may hold code.
    expect(ignored('/nowhere/a.txt', stats(0, true))).toBe(false)
    expect(ignored('/nowhere/a.txt')).toBe(false)
    await watcher.close()
  })

  test('that it cannot watch is said once', async () => {
    const { watchers, errors, watcher } = await watch()
    watchers[0]?.emit('error', new Error('too many files'))
    watchers[0]?.emit('error', 'again')
    expect(errors).toEqual(['too many files'])
    const other = await watch()
    other.watchers[0]?.emit('error', 'text')
    expect(other.errors).toEqual(['text'])
    await Promise.all([watcher.close(), other.watcher.close()])
  })

  test('is watched anew only when the rules are others', async () => {
    const { watchers, watcher } = await watch()
    watcher.update({ ...OPTIONS })
    await sleep(1)
    expect(watchers).toHaveLength(1)
    watcher.update({ ...OPTIONS, files: ['x.txt'] })
    await sleep(1)
    expect(watchers.map(({ closed }) => closed)).toEqual([true, false])
    watcher.update({ ...OPTIONS, files: ['x.txt'], enabled: false })
    await sleep(1)
    expect(watchers.map(({ closed }) => closed)).toEqual([true, true])
    await watcher.close()
  })
})

describe('a watched app', () => {
  let app: TestApp
  let watcher: AppWatcher
  let changes = 0
  let errors: string[] = []
  afterEach(async () => {
    await watcher.close()
    await app.remove()
  })

  async function watch(files: Record<string, string>, options: WatchOptions = OPTIONS): Promise<void> {
    app = await writeApp(files)
    // What was written before is not a change.
    await sleep(20)
    changes = 0
    errors = []
    watcher = watchApp(
      app.directory,
      options,
      () => changes++,
      (reason) => errors.push(reason),
    )
  }
  const write = (name: string): Promise<void> => appendFile(path.join(app.directory, name), '\n')
  /** Waits for a reload after writing a file, again and again for as long as the watcher may still be starting. */
  async function reloadsWith(name: string): Promise<void> {
    const before = changes
    while (changes === before) {
      await write(name)
      for (let i = 0; i < 20 && changes === before; i++) await sleep(10)
    }
    await quiet()
  }
  /** No reload comes any more. */
  async function quiet(): Promise<void> {
    for (let seen = -1; seen !== changes;) {
      seen = changes
      await sleep(120)
    }
  }

  test('is reloaded by a change of its code or configuration, and by nothing else', async () => {
    await watch({ 'src/a.js': '', 'src/data.json': '', 'lib/b.js': '' })
    await reloadsWith('src/a.js')
    await reloadsWith('host.json')
    const before = changes
    for (const name of ['src/data.json', 'lib/b.js', 'notes.txt']) await write(name)
    await quiet()
    expect(changes).toBe(before)
    expect(errors).toEqual([])
  })

  test('what was there before the start is no change', async () => {
    await watch({ 'src/a.js': '' })
    await sleep(300)
    expect(changes).toBe(0)
  })

  test('many writes are one reload', async () => {
    await watch({ 'src/a.js': '' })
    await reloadsWith('src/a.js')
    const before = changes
    await Promise.all(
      ['b', 'c', 'd', 'e'].map((name) => writeFile(path.join(app.directory, 'src', `${name}.js`), '')),
    )
    while (changes === before) await sleep(5)
    await quiet()
    expect(changes).toBe(before + 1)
  })

  test('is not reloaded when host.json says so, until it says otherwise', async () => {
    await watch({ 'src/a.js': '', 'data/x.json': '' }, { ...OPTIONS, enabled: false })
    await write('src/a.js')
    await quiet()
    expect(changes).toBe(0)
    watcher.update({ ...OPTIONS, directories: ['data'] })
    await reloadsWith('data/x.json')
    watcher.update({ ...OPTIONS, enabled: false })
    await quiet()
    const before = changes
    await sleep(50)
    await write('src/a.js')
    await quiet()
    expect(changes).toBe(before)
  })

  test('follows main, when package.json names another folder', async () => {
    await watch({ 'src/a.js': '', 'lib/b.js': '' })
    await reloadsWith('src/a.js')
    await writeFile(path.join(app.directory, 'package.json'), '{ "main": "lib/*.js" }')
    await quiet()
    watcher.update(OPTIONS)
    await reloadsWith('lib/b.js')
    const before = changes
    await write('src/a.js')
    await quiet()
    expect(changes).toBe(before)
  })

  test.each(['{', '{ "main": 5 }'])(
    'without a usable main (%s) the whole app is watched',
    async (manifest) => {
      await watch({ 'package.json': manifest, 'lib/b.js': '' })
      await reloadsWith('lib/b.js')
      await mkdir(path.join(app.directory, 'new'))
      await reloadsWith('new/c.js')
    },
  )

  test('a closed watcher reloads nothing, not even for a change before', async () => {
    await watch({ 'src/a.js': '' })
    await reloadsWith('src/a.js')
    const before = changes
    await write('src/a.js')
    await watcher.close()
    await write('src/a.js')
    await quiet()
    expect(changes).toBe(before)
  })
})
