import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onCoreTools } from './harness/host.ts'

const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const PAGE = fileURLToPath(new URL('../docs/library.md', import.meta.url))

// Vitest is large, and is not installed here. This stands for it with Jest's `expect`, so that the example's own code runs.
const VITEST = `export { after as afterAll, before as beforeAll, test } from 'node:test'
export { expect } from 'expect'
`

const PATIENCE_MS = 55_000
// On a busy machine a start may take longer than the five seconds that Jest gives a hook.
const PATIENT = ['--ci', `--testTimeout=${PATIENCE_MS}`]

// What somebody gets who follows docs/library.md.
;(onCoreTools ? describe.skip : describe)('the examples of startHost', () => {
  let folder: string
  let blocks: ReadonlyMap<string, string>

  beforeAll(async () => {
    const page = await readFile(PAGE, 'utf8')
    blocks = new Map(
      [...page.matchAll(/^```js (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', code = '']) => [name, code]),
    )
    folder = await mkdtemp(path.join(tmpdir(), 'func-local-examples-'))
    const modules = path.join(folder, 'node_modules')
    await mkdir(path.join(modules, 'vitest'), { recursive: true })
    for (const name of ['func-local', '@azure', 'expect', 'jest'])
      await symlink(path.join(MODULES, name), path.join(modules, name), 'junction')
    const files = {
      'node_modules/vitest/package.json': '{ "type": "module", "exports": "./index.js" }',
      'node_modules/vitest/index.js': VITEST,
      'package.json': '{ "main": "app.js" }',
      'host.json': '{ "version": "2.0" }',
      'app.js': blocks.get('app') ?? '',
      'node.test.mjs': blocks.get('node:test') ?? '',
      'jest.test.js': blocks.get('jest') ?? '',
      'vitest.test.mjs': blocks.get('vitest') ?? '',
    }
    for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, name), content)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const node = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, args, {
      cwd: folder,
      // A child that hangs must not outlive the test.
      timeout: PATIENCE_MS,
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, JEST_WORKER_ID: undefined },
    })

  test.each(['node', 'vitest'])('%s', async (name) => {
    const { stdout } = await node('--test', '--test-reporter=tap', `${name}.test.mjs`)
    expect(stdout).toMatch(/^# pass 2$/m)
    expect(stdout).toMatch(/^# fail 0$/m)
  })

  // As Jest is without configuration: CommonJS, in its sandbox.
  test('jest', async () => {
    const script = path.join(MODULES, 'jest/bin/jest.js')
    const { stderr } = await node(script, '--rootDir', folder, '--testMatch', '**/jest.test.js', ...PATIENT)
    expect(stderr).toMatch(/^Tests: +2 passed, 2 total$/m)
    expect(stderr).not.toContain('did not exit')
  })
})
