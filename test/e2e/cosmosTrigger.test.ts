import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CosmosClient, type Container } from '@azure/cosmos'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { startCosmos, type CosmosEmulator } from 'testkit/cosmos'
import { freePort } from 'testkit/freePort'
import { FUNC_LOCAL, spawnHost } from 'testkit/hostProcess'

// func-local's trigger of Cosmos DB on the emulator: two functions over one container, which write what they get to their output.

const ROOT = path.join(import.meta.dirname, '../..')
const APP = `const { app } = require('@azure/functions')
let failures = 1
const watch = (name, options) =>
  app.cosmosDB(name, {
    connection: 'Db', databaseName: 'shop', containerName: '%THINGS%', leaseContainerName: 'progress', leaseContainerPrefix: name,
    createLeaseContainerIfNotExists: true, feedPollDelay: 100, ...options,
    handler: async (items) => {
      const ids = items.map(({ id, _lsn }) => id + (_lsn > 0 ? '' : '?')).join(',')
      if (name === 'all' && ids === 'fails' && failures-- > 0) throw new Error('once')
      console.log('[' + name + ' ' + ids + ']')
      if (name === 'ends' && ids === 'hangs') await new Promise((resolve) => setTimeout(resolve, 600000))
      if (name === 'ends' && ids === 'exits') process.exit(1)
    },
  })
watch('all', { startFromBeginning: true, maxItemsPerInvocation: 1, retry: { strategy: 'fixedDelay', delayInterval: 100, maxRetryCount: -1 } })
watch('news', {})
watch('ends', { startFromBeginning: true, maxItemsPerInvocation: 1 })
`

const LONGEST_WAIT_MS = 60_000

let folder: string
let data: string
let emulator: CosmosEmulator
let client: CosmosClient
let things: Container

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'cosmos-trigger-'))
  data = await mkdtemp(path.join(tmpdir(), 'cosmos-trigger-data-'))
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  await writeFile(path.join(folder, 'package.json'), '{"main":"index.js"}')
  await writeFile(path.join(folder, 'host.json'), '{"version":"2.0"}')
  await writeFile(path.join(folder, 'index.js'), APP)
  emulator = await startCosmos({ location: data })
  client = new CosmosClient(emulator.connectionString)
  await client.databases.create({ id: 'shop' })
  await client.database('shop').containers.create({ id: 'things', partitionKey: { paths: ['/id'] } })
  things = client.database('shop').container('things')
})

afterAll(async () => {
  client.dispose()
  await emulator.stop()
  for (const each of [folder, data]) await rm(each, { recursive: true, force: true })
})

// A test that failed must not keep the leases from the next one.
const running = new Set<ChildProcess>()
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs the host on the app. */
async function startedHost(more: Readonly<Record<string, string>> = {}) {
  const child = spawnHost({
    ...{ folder, port: await freePort(), host: FUNC_LOCAL },
    environment: { Db: emulator.connectionString, THINGS: 'things', ...more },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const ended = once(child, 'exit')
  running.add(child)
  child.once('exit', () => running.delete(child))
  /** What a function was given, batch by batch. */
  const given = (name: string) =>
    [...output.matchAll(/\[(\w+) (\S+)\]/g)].flatMap(([, who, ids]) => (who === name ? [ids] : []))
  return {
    given,
    output: () => output,
    async until(name: string, ids: string) {
      const end = performance.now() + LONGEST_WAIT_MS
      while (!given(name).join(',').split(',').includes(ids)) {
        if (child.exitCode !== null || performance.now() > end)
          throw new Error(`${name} was not given ${ids}:\n${output}`)
        await delay(50)
      }
    },
    async stop(signal: NodeJS.Signals = 'SIGINT') {
      child.kill(signal)
      await ended
    },
  }
}

const put = async (...ids: readonly string[]) => {
  for (const id of ids) await things.items.upsert({ id })
}

/** "Now" is when the function is there. */
async function newsHasBegun(): Promise<void> {
  const { items } = client.database('shop').container('progress')
  for (;;) {
    const { resources } = await items.readAll<{ id: string; continuation?: string }>().fetchAll()
    if (resources.some(({ id, continuation }) => id.startsWith('news') && continuation !== undefined)) return
    await delay(50)
  }
}

test('each function gets every change once, from where it began, also over restarts of the host and of the account', async () => {
  await put('a', 'b')
  let host = await startedHost()
  await host.until('all', 'b')
  await newsHasBegun()
  await put('c')
  await Promise.all([host.until('all', 'c'), host.until('news', 'c')])
  expect(host.given('all')).toEqual(['a', 'b', 'c'])
  expect(host.given('news')).toEqual(['c'])
  await host.stop()

  await put('d', 'fails', 'e')
  host = await startedHost()
  await Promise.all([host.until('all', 'e'), host.until('news', 'e')])
  expect(host.given('all')).toEqual(['d', 'fails', 'e'])
  expect(host.given('news').join()).toBe('d,fails,e')
  expect(host.output()).toContain('before retrying function execution')

  const { port } = emulator
  await emulator.stop()
  await delay(1000)
  emulator = await startCosmos({ port, location: data })
  await put('f')
  await Promise.all([host.until('all', 'f'), host.until('news', 'f')])
  // Who took the lease is gone, and has not given it back.
  await host.stop('SIGKILL')

  await put('g')
  host = await startedHost()
  await Promise.all([host.until('all', 'g'), host.until('news', 'g')])
  expect(host.given('all').at(-1)).toBe('g')
  expect(host.given('all')).not.toContain('e')
  await host.stop()
}, 120_000)

test('a batch that takes too long, or whose code ends the process, is over: what comes after it is delivered', async () => {
  await put('hangs', 'after', 'exits', 'last')
  const host = await startedHost({ AzureFunctionsJobHost__functionTimeout: '00:00:04' })
  await host.until('ends', 'last')
  const own = host.given('ends').filter((id) => ['hangs', 'after', 'exits', 'last'].includes(id ?? ''))
  expect(own).toEqual(['hangs', 'after', 'exits', 'last'])
  await host.stop()
}, 120_000)
