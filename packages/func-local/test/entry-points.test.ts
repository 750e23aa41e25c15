import { afterEach, describe, expect, test } from '@jest/globals'
import { rm, utimes } from 'node:fs/promises'
import path from 'node:path'
import { EntryPointError, loadEntryPoints } from '../src/worker/entry-points.ts'
import { locateSyntaxError } from '../src/worker/syntax-error.ts'
import { writeApp, type TestApp } from './harness/app.ts'

const loadedFiles = globalThis as unknown as { loadedFiles?: string[] }
const say = (name: string): string => `(globalThis.loadedFiles ??= []).push('${name}')`

// https://learn.microsoft.com/azure/azure-functions/functions-reference-node#registering-a-function
describe('the entry points of an app', () => {
  let app: TestApp
  afterEach(async () => {
    await app.remove()
    delete loadedFiles.loadedFiles
  })

  async function load(
    files: Record<string, string>,
  ): Promise<{ files: readonly string[]; lines: string[]; begun: string[] }> {
    app = await writeApp(files)
    const lines: string[] = []
    const begun: string[] = []
    const loaded = await loadEntryPoints(
      app.directory,
      (line) => lines.push(line),
      (file) => begun.push(file),
    )
    return { files: loaded, lines, begun }
  }
  const main = (pattern: string, more = ''): string => `{ "main": ${JSON.stringify(pattern)}${more} }`

  test('are the files that main matches, by name, and each is said', async () => {
    const { files, lines, begun } = await load({
      'package.json': main('./src/*.js'),
      'src/b.js': say('b'),
      'src/a.js': say('a'),
      'src/.hidden.js': say('hidden'),
      'src/deep/c.js': say('c'),
    })
    expect(files).toEqual(['src/a.js', 'src/b.js'])
    expect(loadedFiles.loadedFiles).toEqual(['a', 'b'])
    expect(begun).toEqual(['src/a.js', 'src/b.js'])
    expect(lines).toEqual([
      'Loading entry point file "src/a.js"',
      'Loaded entry point file "src/a.js"',
      'Loading entry point file "src/b.js"',
      'Loaded entry point file "src/b.js"',
    ])
  })

  test('what the braces name first is loaded first, and once', async () => {
    const { files } = await load({
      'package.json': main('src/{index.js,functions/*.js,*.js}'),
      'src/functions/b.js': '',
      'src/functions/a.js': '',
      'src/index.js': '',
      'src/another.js': '',
    })
    expect(files).toEqual(['src/index.js', 'src/functions/a.js', 'src/functions/b.js', 'src/another.js'])
  })

  test('a folder is none', async () => {
    await expect(load({ 'package.json': main('src'), 'src/a.js': '' })).rejects.toThrow(
      'File does not exist.',
    )
  })

  test('a module may await, by its ending or by the package', async () => {
    const waiting = 'await Promise.resolve(); export {}'
    await load({
      'package.json': main('{a.mjs,b.js}', ', "type": "module"'),
      'a.mjs': `${waiting}; ${say('a')}`,
      'b.js': `${waiting}; ${say('b')}`,
    })
    await app.remove()
    await load({ 'package.json': main('a.mjs', ', "type": "commonjs"'), 'a.mjs': `${waiting}; ${say('c')}` })
    expect(loadedFiles.loadedFiles).toEqual(['a', 'b', 'c'])
  })

  test('a script is required: it has a parent', async () => {
    const parent = (name: string): string => `if (module.parent) { ${say(name)} }`
    await load({ 'package.json': main('{a.cjs,b.js}'), 'a.cjs': parent('a'), 'b.js': parent('b') })
    await app.remove()
    await load({ 'package.json': main('c.cjs', ', "type": "module"'), 'c.cjs': parent('c') })
    expect(loadedFiles.loadedFiles).toEqual(['a', 'b', 'c'])
  })

  test('a syntax error is found in the file that changed last, in Node’s own words', async () => {
    app = await writeApp({
      'src/a.mjs': 'export const a = 1',
      'src/b.mjs': '\nexport const = 1',
      'src/c.js': '',
      'src/d.txt': '(',
    })
    expect(await locateSyntaxError(app.directory)).toMatch(
      /^src[\\/]b\.mjs:2\nexport const = 1\n[^]*SyntaxError: .+$/,
    )
    await app.write({ 'src/c.cjs': 'return (' })
    await utimes(path.join(app.directory, 'src/b.mjs'), 1, 1)
    expect(await locateSyntaxError(app.directory)).toMatch(/^src[\\/]c\.cjs:1\n/)
    await app.write({ 'src/b.mjs': '', 'src/c.cjs': '' })
    expect(await locateSyntaxError(app.directory)).toBeUndefined()
  })

  test('the kind of a module is that of Node.js: by its ending, else by the package', async () => {
    const esm = (name: string): string => `export {}; ${say(name)}`
    const cjs = (name: string): string => `require('node:path'); ${say(name)}`
    await load({
      'package.json': main('{a.mjs,b.cjs,c.js}', ', "type": "module"'),
      'a.mjs': esm('a'),
      'b.cjs': cjs('b'),
      'c.js': esm('c'),
    })
    expect(loadedFiles.loadedFiles).toEqual(['a', 'b', 'c'])
    await app.remove()
    await load({
      'package.json': main('{a.mjs,b.cjs,c.js}'),
      'a.mjs': esm('d'),
      'b.cjs': cjs('e'),
      'c.js': cjs('f'),
    })
    expect(loadedFiles.loadedFiles).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test.each(['{}', '{ "main": "" }', '{ "main": 5 }', '\uFEFF{}'])(
    'package.json %j names none',
    async (manifest) => {
      expect((await load({ 'package.json': manifest, 'src/a.js': say('a') })).files).toEqual([])
      expect(loadedFiles.loadedFiles).toBeUndefined()
    },
  )

  test.each([
    [
      main('dist/*.js'),
      'Worker was unable to load entry point "dist/*.js": Found zero files matching the supplied pattern',
    ],
    [
      main('dist/a.js'),
      'Worker was unable to load entry point "dist/a.js": File does not exist. Build the app first, or correct "main" in package.json',
    ],
    ['{', /^package\.json cannot be read: /],
    ['null', 'package.json cannot be read: it does not hold an object'],
    ['5', 'package.json cannot be read: it does not hold an object'],
  ])('package.json %s is refused', async (manifest, reason) => {
    const loading = load({ 'package.json': manifest })
    await expect(loading).rejects.toThrow(EntryPointError)
    await expect(loading).rejects.toThrow(reason)
  })

  test('an app without package.json says where to start', async () => {
    app = await writeApp({})
    await rm(path.join(app.directory, 'package.json'))
    await expect(
      loadEntryPoints(
        app.directory,
        () => undefined,
        () => undefined,
      ),
    ).rejects.toThrow(
      `There is no package.json in ${app.directory}. Start in the app's folder, or name it with --script-root.`,
    )
  })

  test('a file that throws is named, and the stack is its own', async () => {
    const error = await load({
      'package.json': main('src/*.js'),
      'src/a.js': say('a'),
      'src/b.js': "\n\nthrow new TypeError('broken')",
      'src/c.js': say('c'),
    }).catch((thrown: unknown) => thrown as Error)
    if (!(error instanceof EntryPointError)) throw new Error('It loaded.')
    expect(error.message).toBe('Worker was unable to load entry point "src/b.js": broken')
    expect(error.cause).toMatchObject({ message: 'broken' })
    expect(error.stack).toMatch(/^TypeError: broken\n[^]*b\.js:3/)
    expect(loadedFiles.loadedFiles).toEqual(['a'])
  })

  test('something thrown that is no error keeps its text', async () => {
    await expect(load({ 'package.json': main('a.js'), 'a.js': "throw 'text'" })).rejects.toThrow(
      'Worker was unable to load entry point "a.js": text',
    )
  })
})
