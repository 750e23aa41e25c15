import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { answering, writeApp, type TestApp } from './harness/app.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

// Core Tools does not reload JavaScript on its own.
;(onCoreTools ? describe.skip : describe)('reload on change', () => {
  let app: TestApp
  let host: TestHost

  beforeAll(async () => {
    app = await writeApp({
      'src/a.js': answering('version', 'one', 'await new Promise((r) => setTimeout(r, 300))'),
    })
    host = await startHost(app.directory)
  })
  afterAll(async () => {
    await host.stop()
    await app.remove()
  })

  const version = async (): Promise<string> => (await host.fetch('/api/version')).text()
  const reloaded = async (from: number): Promise<void> => {
    await host.printed('Worker process started and initialized. Functions:', from)
  }

  test('a request that the old version has begun is finished by it', async () => {
    const from = host.output().length
    const begun = version()
    await sleep(50)
    await app.write({ 'src/a.js': answering('version', 'two') })
    await reloaded(from)
    expect([await begun, await version()]).toEqual(['one', 'two'])
  })

  test('no request is lost while versions change', async () => {
    const answers: number[] = []
    const done = new AbortController()
    const load = (async () => {
      while (!done.signal.aborted) answers.push((await host.fetch('/api/version')).status)
    })()
    for (const next of ['three', 'four', 'five']) {
      const from = host.output().length
      await app.write({ 'src/a.js': answering('version', next) })
      await reloaded(from)
    }
    done.abort()
    await load
    expect(new Set(answers)).toEqual(new Set([200]))
    expect(await version()).toBe('five')
  })

  test('a syntax error is shown once, with its file and line, and the last good version goes on', async () => {
    const from = host.output().length
    await app.write({ 'src/a.js': 'const broken = {\n  a: 1,,\n}\n' })
    await host.printed('the version that was running before goes on', from)
    const printed = host.output().slice(from)
    expect(printed.match(/SyntaxError/g)).toHaveLength(1)
    expect(printed).toMatch(/src\/a\.js:2\n/)
    expect(await version()).toBe('five')
    await app.write({ 'src/a.js': answering('version', 'six') })
    await reloaded(from)
    expect(await version()).toBe('six')
  })

  test('a new function, a removed one and a changed host.json take effect', async () => {
    const from = host.output().length
    await app.write({
      'src/b.js': answering('second', 'b'),
      'host.json': '{ "version": "2.0", "extensions": { "http": { "routePrefix": "v2" } } }',
    })
    await reloaded(from)
    expect(await (await host.fetch('/v2/second')).text()).toBe('b')
    expect((await host.fetch('/api/version')).status).toBe(404)
  })

  test('a new .env takes effect, and a change of it', async () => {
    const setting = "' + process.env.FROM_DOT_ENV + '"
    for (const value of ['one', 'two']) {
      const from = host.output().length
      await app.write({ 'src/a.js': answering('version', setting), '.env': `FROM_DOT_ENV=${value}` })
      await reloaded(from)
      expect(await (await host.fetch('/v2/version')).text()).toBe(value)
    }
    const from = host.output().length
    await app.write({ '.env': 'FROM_DOT_ENV="three"' })
    await reloaded(from)
    expect(await (await host.fetch('/v2/version')).text()).toBe('three')
  })

  test('a broken host.json changes nothing but a line in the log', async () => {
    const from = host.output().length
    await app.write({ 'host.json': '{ "version": ' })
    await host.printed(/host\.json is not valid JSON \(ValueExpected at line 1, column \d+\)/, from)
    expect((await host.fetch('/v2/version')).status).toBe(200)
  })
})
