import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { QueueServiceClient } from '@azure/storage-queue'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { serveApp, type AppHost } from '../support/appHost.ts'
import { ROOT } from '../../scripts/build.ts'
import { scratchCopy, type ScratchCopy } from './scratch.ts'

// Follows "Add a function" in CONTRIBUTING.md to the letter, in a copy of the checkout: what its code blocks say goes into the
// files that they name, and nothing else is touched.

jest.setTimeout(400_000)

/** A code block of the recipe, and the file that its first line names. */
interface Step {
  readonly file: string
  readonly code: string
}

async function recipe(): Promise<readonly Step[]> {
  const text = await readFile(path.join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  const section = /^## Add a function\n(.*?)^## /ms.exec(text)?.[1] ?? ''
  return [...section.matchAll(/^ *```ts\n *\/\/ (\S+)\n(.*?)^ *```$/gms)].map(([, file = '', code = '']) => ({
    file,
    code: code.replaceAll(/^ {3}/gm, ''),
  }))
}

let steps: readonly Step[]
let copy: ScratchCopy
let azurite: Azurite
let host: AppHost

beforeAll(async () => {
  steps = await recipe()
  copy = await scratchCopy()
  const main = path.join(copy.folder, 'src/main.ts')
  for (const { file, code } of steps) {
    if (file !== 'src/main.ts') await writeFile(path.join(copy.folder, file), code, { flag: 'wx' })
    // "above `warmedUp` at its end"
    else {
      const before = await readFile(main, 'utf8')
      const at = before.lastIndexOf('\n/**', before.indexOf('export const warmedUp'))
      expect(at).toBeGreaterThan(0)
      await writeFile(main, `${before.slice(0, at)}\n${code}${before.slice(at)}`)
    }
  }
  expect(await copy.run('scripts/build.ts')).toMatchObject({ code: 0 })
  azurite = await startAzurite({})
  host = await serveApp({
    folder: copy.folder,
    environment: {
      AzureWebJobsStorage: azurite.connectionString,
      AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.200',
    },
  })
})

afterAll(async () => {
  await host.stop()
  await azurite.stop()
  await copy.remove()
})

test('a function is a file of its own and one registration', () => {
  expect(steps.map(({ file }) => file)).toStrictEqual([
    'src/functions/greeting.ts',
    'src/main.ts',
    'src/functions/notice.ts',
    'src/main.ts',
  ])
  for (const { file, code } of steps) {
    if (file === 'src/main.ts') expect(code.match(/^app\./gm)).toHaveLength(1)
  }
})

test('the copy still passes the type check and the lint', async () => {
  expect(await copy.run('node_modules/typescript/bin/tsc', '--noEmit')).toMatchObject({ code: 0, output: '' })
  const files = [...new Set(steps.map(({ file }) => file))]
  expect(await copy.run('node_modules/eslint/bin/eslint.js', ...files)).toMatchObject({ code: 0, output: '' })
  const formatted = await copy.run('node_modules/prettier/bin/prettier.cjs', '--check', ...files)
  expect(formatted).toMatchObject({ code: 0 })
})

test('the HTTP function is called', async () => {
  const response = await fetch(`${host.url}/api/greeting/Ada`)
  expect(response.status).toBe(200)
  expect(await response.json()).toStrictEqual({ greeting: 'Hello, Ada!' })
  const head = await fetch(`${host.url}/api/greeting/Ada`, { method: 'HEAD' })
  expect([head.status, await head.text()]).toStrictEqual([200, ''])
  // What is there already goes on.
  expect((await fetch(`${host.url}/api/hello`)).status).toBe(200)
})

test('the queue function is called', async () => {
  const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('notices')
  await queue.createIfNotExists()
  await queue.sendMessage(Buffer.from('{"text":"it works"}').toString('base64'))
  await host.waitForOutput(/Executed 'Functions\.notice' \(Succeeded/)
  expect(host.output()).toContain('{"event":"notice","bytes":19}')
  // A message is deleted once its function has returned.
  for (let left = 100; left > 0; left--) {
    if ((await queue.getProperties()).approximateMessagesCount === 0) return
    await delay(100)
  }
  throw new Error('the message is still on the queue')
})
