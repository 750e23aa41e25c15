import { afterEach, describe, expect, test } from '@jest/globals'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { answering, writeApp, type TestApp } from './harness/app.ts'
import { freePort } from './harness/port.ts'
import { onCoreTools, spawnHost, startHost, type TestHost } from './harness/host.ts'

const SAY_PID = "require('node:fs').appendFileSync('pids', process.pid + '\\n')\n"
// What keeps an app from ever having loaded.
const ENDLESS: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ['a loop', { 'src/a.js': `${SAY_PID}for (;;);` }, /loading src\/a\.js has not finished/],
  [
    'a top-level await',
    {
      'package.json': '{ "main": "src/*.mjs" }',
      'src/a.mjs': `import { appendFileSync } from 'node:fs'
appendFileSync('pids', process.pid + '\\n')
await new Promise(() => {})`,
    },
    /loading src\/a\.mjs has not finished/,
  ],
  [
    'an appStart hook',
    {
      'src/a.js': `${SAY_PID}require('@azure/functions').app.hook.appStart(() => new Promise(() => {}))`,
    },
    /an appStart hook has not finished/,
  ],
]

;(onCoreTools ? describe.skip : describe)('an app that does not finish loading', () => {
  let app: TestApp
  let host: TestHost

  afterEach(async () => {
    await host.stop()
    await app.remove()
  })

  test.each(ENDLESS)(
    '%s: the host says what it waits for, and a save loads the app again',
    async (_what, files, says) => {
      app = await writeApp(files)
      host = await spawnHost(app.directory)
      await host.printed(says)
      const [pid] = await pids(app)
      await app.write(
        'src/a.mjs' in files
          ? {
              'src/a.mjs':
                "import { app } from '@azure/functions'; app.http('v', { handler: () => ({ body: 'two' }) })",
            }
          : { 'src/a.js': answering('v', 'two') },
      )
      await host.printed('Host lock lease acquired')
      expect(await (await host.fetch('/api/v')).text()).toBe('two')
      await ended(pid)
    },
  )

  test.each(ENDLESS)(
    '%s: while the version before runs, it goes on, and a save loads the next',
    async (_what, files, says) => {
      const isModule = 'src/a.mjs' in files
      const file = isModule ? 'src/a.mjs' : 'src/a.js'
      const version = (body: string): string =>
        isModule
          ? `import { app } from '@azure/functions'; app.http('v', { handler: () => ({ body: '${body}' }) })`
          : answering('v', body)
      app = await writeApp({ ...files, [file]: version('one') })
      host = await startHost(app.directory)
      await app.write({ [file]: files[file] ?? '' })
      await host.printed(says)
      expect(await (await host.fetch('/api/v')).text()).toBe('one')
      const [pid] = await pids(app)
      const from = host.output().length
      await app.write({ [file]: version('three') })
      await host.printed('Worker process started and initialized. Functions:', from)
      expect(await (await host.fetch('/api/v')).text()).toBe('three')
      await ended(pid)
    },
  )

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the host and the worker', async (signal) => {
    app = await writeApp(ENDLESS[0]?.[1] ?? {})
    host = await spawnHost(app.directory)
    const [pid] = await pids(app)
    host.process.kill(signal)
    expect(await host.exited).toBe(0)
    await ended(pid)
  })

  test.each([
    ['in a loop', { 'src/a.js': `${SAY_PID}for (;;);` }],
    ['that is idle', { 'src/a.js': SAY_PID + answering('v', 'one') }],
  ])('a host that is killed takes a worker %s along', async (_what, files) => {
    app = await writeApp(files)
    host = await spawnHost(app.directory)
    const [pid] = await pids(app)
    host.process.kill('SIGKILL')
    await ended(pid)
  })

  test('a debugger that is awaited is named, and a signal ends its worker and frees its port', async () => {
    app = await writeApp({ 'src/a.js': answering('v', 'one') })
    const port = await freePort()
    host = await spawnHost(app.directory, {
      args: ['--language-worker', '--', `--inspect-brk=127.0.0.1:${port}`],
    })
    await host.printed('Debugger listening')
    await host.printed('it waits for a debugger (--inspect-brk)')
    host.process.kill('SIGINT')
    expect(await host.exited).toBe(0)
    expect(await isListening(port)).toBe(false)
  })

  test('a stop waits for what runs, says for what, and gives up after ten seconds', async () => {
    app = await writeApp({
      'src/a.js': `const { app } = require('@azure/functions')
app.http('never', { handler: (_request, context) => { context.log('never has begun'); return new Promise(() => {}) } })`,
    })
    host = await startHost(app.directory)
    const never = host.fetch('/api/never').catch(() => undefined)
    await host.printed('never has begun')
    host.process.kill('SIGINT')
    await host.printed(/Stopping; waiting at most 10 s for what runs of function 'never'/)
    expect(await host.exited).not.toBeNull()
    await never
  })

  test('data that a handler writes beside its code does not reload the app', async () => {
    app = await writeApp({
      'package.json': '{ "main": "a.js" }',
      'a.js': `const { app } = require('@azure/functions')
let n = 0
app.http('n', { handler: () => { for (const name of ['db.json', 'a.txt', 'log.csv', 'x.map']) require('node:fs').writeFileSync(name, String(n)); return { body: String(++n) } } })`,
    })
    host = await startHost(app.directory)
    // A reload would begin a few ms after the write, and the count with it.
    for (let i = 1; i <= 4; i++) {
      expect(await (await host.fetch('/api/n')).text()).toBe(String(i))
      await sleep(200)
    }
    // The watch was there: code does reload it.
    await app.write({ 'other.js': '' })
    await host.printed('Worker process started and initialized. Functions:')
    expect(await (await host.fetch('/api/n')).text()).toBe('1')
  })

  test('the third crash of the worker in a row is where the real host stops, and that is said', async () => {
    app = await writeApp({ 'src/a.js': answering('die', '', 'process.exit(6)') })
    host = await startHost(app.directory)
    for (let i = 1; i <= 3; i++) {
      expect(host.output()).not.toContain('In Azure the Functions host stops at this point')
      expect((await host.fetch('/api/die')).status).toBe(500)
    }
    await host.printed('In Azure the Functions host stops at this point')
  })

  test.each([
    [{ 'package.json': '{}' }, [], /No job functions found\. "main" in package\.json is missing/],
    [
      { 'src/a.js': '' },
      [],
      /No job functions found\. "main" in package\.json loads src\/a\.js, and none of it registers a function/,
    ],
    [
      { 'src/a.js': "require('@azure/functions')" },
      [],
      /No job functions found\. .+ none of it registers a function/,
    ],
    [
      { 'src/a.js': answering('a', 'a') },
      ['--functions', 'nope'],
      /No job functions found\. --functions leaves out every function of the app \(a\)/,
    ],
    [
      { 'src/a.js': answering('Alpha', 'a') },
      ['--functions', 'alpha', 'Alpa'],
      /--functions names 'Alpa', and the app has no such function\. Did you mean 'Alpha'\?/,
    ],
    [
      {
        'src/a.js':
          "require('@azure/functions').app.storageQueue('sb', { queueName: 'qqq', connection: 'C', handler() {} })",
      },
      [],
      /No job functions found\. Every function of the app is in error/,
    ],
    [
      { 'old/function.json': '{}', 'package.json': '{}' },
      [],
      /No job functions found\. The app has only functions of the programming model v3/,
    ],
  ] as [Record<string, string>, string[], RegExp][])(
    '%j with %j: the true reason is given',
    async (files, args, reason) => {
      app = await writeApp(files)
      host = await startHost(app.directory, { args })
      expect(host.output()).toMatch(reason)
    },
  )

  test('refusals of one kind are one line, and a save does not repeat it', async () => {
    app = await writeApp({
      'src/a.js': `const { app } = require('@azure/functions')
for (let i = 0; i < 5; i++) app.storageQueue('sb' + i, { queueName: 'qqq', connection: 'C', handler() {} })`,
      'src/b.js': answering('a', 'a'),
    })
    host = await startHost(app.directory)
    const from = host.output().length
    expect(host.output().match(/connection string 'C' does not exist/g)).toHaveLength(1)
    expect(host.output()).toContain('The same holds for 4 more: sb1, sb2, sb3, sb4.')
    await app.write({ 'src/b.js': answering('a', 'b') })
    await host.printed('Worker process started and initialized. Functions:', from)
    expect(host.output().slice(from)).not.toContain("'C' does not exist")
  })

  test('functions that an app registers a moment after it has loaded are there', async () => {
    app = await writeApp({ 'src/a.js': `setTimeout(() => { ${answering('late', 'late')} }, 50)` })
    host = await startHost(app.directory)
    expect(await (await host.fetch('/api/late')).text()).toBe('late')
  })

  test.each([
    [{ WEBSITE_TIME_ZONE: 'Asia/Tokyo' }],
    [{ TZ: 'Asia/Tokyo' }],
    [{ TZ: 'America/New_York', WEBSITE_TIME_ZONE: 'Asia/Tokyo' }],
    [{ TZ: 'Asia/Tokyo', WEBSITE_TIME_ZONE: 'Tokyo Standard Time' }],
  ])('handlers and timers share the time zone of %j', async (values) => {
    app = await writeApp({
      'src/a.js': `const { app } = require('@azure/functions')
app.http('zone', { handler: () => ({ body: String(new Date(0).getHours()) }) })
app.timer('t', { schedule: '0 0 3 1 1 *', runOnStartup: true, handler: () => {} })`,
      'local.settings.json': JSON.stringify({ IsEncrypted: false, Values: values }),
    })
    host = await startHost(app.directory, { env: { TZ: '', WEBSITE_TIME_ZONE: '' } })
    expect(await (await host.fetch('/api/zone')).text()).toBe('9')
    await host.printed(/Timer fired at \S+\+09:00/)
  })
})

async function pids(app: TestApp): Promise<number[]> {
  const { readFile } = await import('node:fs/promises')
  for (;;) {
    const text = await readFile(`${app.directory}/pids`, 'utf8').catch(() => '')
    if (text !== '') return text.trim().split('\n').map(Number)
    await sleep(20)
  }
}

/** Waits until a process is gone; the test's own time is the limit. */
async function ended(pid: number | undefined): Promise<void> {
  for (;;) {
    try {
      process.kill(pid ?? 0, 0)
    } catch {
      return
    }
    await sleep(20)
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
