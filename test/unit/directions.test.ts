import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { beforeAll, describe, expect, it, test } from '@jest/globals'
import { ESLint, type Linter } from 'eslint'
import { importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

const ROOT = path.join(import.meta.dirname, '../..')
const RULE = 'import-x/no-restricted-paths'

/** Who may import whom. What is not listed here must be refused. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  src: [],
  scripts: ['src', 'packages/testkit'],
  test: ['src', 'scripts', 'packages/testkit'],
  'packages/api-page': [],
  'packages/bench': ['src', 'packages/testkit'],
  'packages/func-local': [],
  'packages/soak': ['src', 'packages/testkit'],
  'packages/testkit': [],
}

/** A file of each folder that nobody makes an exception for. */
const SAMPLE: Readonly<Record<string, string>> = {
  src: 'src/storage/names.ts',
  scripts: 'scripts/test.ts',
  test: 'test/support/storage.ts',
  'packages/api-page': 'packages/api-page/package.json',
  'packages/bench': 'packages/bench/src/machine.ts',
  'packages/func-local': 'packages/func-local/src/protocol.ts',
  'packages/soak': 'packages/soak/src/random.ts',
  'packages/testkit': 'packages/testkit/src/freePort.ts',
}

const EXCEPTIONS = [
  ['src', 'packages/api-page/page.html'],
  ['src', 'host.json'],
  ['src', 'package.json'],
  ['scripts', 'func-local/settings'],
  ['scripts', 'package.json'],
  ['packages/bench', 'scripts/build.ts'],
  ['packages/bench', 'scripts/package.ts'],
  ['test', 'func-local'],
  ['test', 'host.json'],
  ['test', 'package.json'],
] as const

/** Imports by a package's name lead to the same files. */
const BY_NAME = [
  ['src', 'testkit/azurite'],
  ['src', 'func-local'],
  ['src', 'func-local/settings'],
  ['packages/func-local', 'testkit/azurite'],
  ['packages/testkit', 'func-local/settings'],
  ['packages/testkit', 'func-local'],
  ['packages/soak', 'func-local/settings'],
  ['test', 'func-local/settings'],
] as const

// Each folder beside the app can be deleted.
const folders = Object.keys(MAY_IMPORT).filter((folder) => existsSync(path.join(ROOT, folder)))
const pairs = folders.flatMap((from) => folders.filter((to) => to !== from).map((to) => [from, to] as const))

let project: ESLint
let eslint: ESLint

beforeAll(async () => {
  project = new ESLint({ cwd: ROOT })
  const config = await configOf('src/planted.ts')
  // This rule alone, as the project has it: no types are read.
  eslint = new ESLint({
    cwd: ROOT,
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ['**/*.ts'],
        languageOptions: { parser: tseslint.parser },
        plugins: { 'import-x': importX },
        settings: config.settings ?? {},
        rules: { [RULE]: config.rules?.[RULE] ?? 'off' },
      },
    ],
  })
})

async function configOf(file: string): Promise<Linter.Config> {
  return (await project.calculateConfigForFile(path.join(ROOT, file))) as Linter.Config
}

/** Whether a file in the folder may import the other: a path from the root, or a package's name. */
async function allowed(folder: string, imported: string): Promise<boolean> {
  const specifier = /^(src|scripts|test|packages|host\.json|package\.json)(\/|$)/.test(imported)
    ? path.posix.relative(folder, imported)
    : imported
  const [result] = await eslint.lintText(`import ${JSON.stringify(specifier)}\n`, {
    filePath: path.join(ROOT, folder, 'planted.ts'),
  })
  const messages = result?.messages ?? []
  expect(messages.filter(({ ruleId }) => ruleId !== RULE)).toStrictEqual([])
  return messages.length === 0
}

test('every folder of code is in the list', async () => {
  const entries = await readdir(ROOT, { withFileTypes: true })
  const packages = await readdir(path.join(ROOT, 'packages'))
  const withCode: string[] = []
  for (const entry of entries.filter((each) => each.isDirectory() && !each.name.startsWith('.'))) {
    if (['node_modules', 'dist', 'coverage', 'packages'].includes(entry.name)) continue
    const files = await readdir(path.join(ROOT, entry.name), { recursive: true })
    if (files.some((file) => file.endsWith('.ts'))) withCode.push(entry.name)
  }
  expect([...withCode, ...packages.map((name) => `packages/${name}`)].sort()).toStrictEqual(
    [...folders].sort(),
  )
})

test('no block of the configuration replaces the list for some of the files', async () => {
  const expected = (await configOf('src/planted.ts')).rules?.[RULE]
  expect(expected).toBeDefined()
  const files = [
    ...folders,
    'src/orders',
    'src/imports',
    'src/functions',
    'packages/func-local/test',
    'test/unit',
  ]
  for (const folder of files) {
    expect((await configOf(`${folder}/planted.ts`)).rules?.[RULE]).toStrictEqual(expected)
  }
})

describe('a planted import', () => {
  it.each(pairs)('from %s of %s is refused, unless the direction is allowed', async (from, to) => {
    expect(await allowed(from, SAMPLE[to] ?? '')).toBe(MAY_IMPORT[from]?.includes(to))
  })

  it.each(BY_NAME.filter(([from]) => folders.includes(from)))(
    'from %s of %s, by its name, is refused',
    async (from, to) => {
      expect(await allowed(from, to)).toBe(false)
    },
  )

  it.each(EXCEPTIONS.filter(([from]) => folders.includes(from)))(
    'from %s of %s is an exception',
    async (from, to) => {
      expect(await allowed(from, to)).toBe(true)
    },
  )

  it.each(['src/storage/names.ts', 'src/http/problem.ts', 'src/log.ts', 'src/functions/hello.ts'])(
    'from src/orders of %s is refused: the order module stands alone',
    async (file) => {
      expect(await allowed('src/orders', file)).toBe(false)
    },
  )

  it.each([
    'src/storage/importFiles.ts',
    'src/http/problem.ts',
    'src/log.ts',
    'src/functions/importOrders.ts',
  ])(
    'from src/imports of %s is refused: files of orders are read without knowing where they lie',
    async (file) => {
      expect(await allowed('src/imports', file)).toBe(false)
    },
  )

  it.each(['src/functions', 'src/storage', 'src/http', 'src/imports'])(
    'from %s of src/orders is allowed',
    async (folder) => {
      expect(await allowed(folder, 'src/orders/errors.ts')).toBe(true)
    },
  )

  it.each(folders)('from %s of its own files, and of an npm package, is allowed', async (folder) => {
    expect(await allowed(folder, SAMPLE[folder] ?? '')).toBe(true)
    expect(await allowed(folder, 'valibot')).toBe(true)
  })
})
