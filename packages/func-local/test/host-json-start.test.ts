import { describe, expect, test } from '@jest/globals'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools, spawnHost, startHost } from './harness/host.ts'

;(onCoreTools ? describe.skip : describe)('a host with an invalid configuration', () => {
  test('does not start: exit code 1 and one line', async () => {
    const app = await writeApp({
      'src/a.js': answering('hello', 'a'),
      'host.json': '{ "version": "2.0", "functionTimeout": "soon" }',
    })
    const host = await spawnHost(app.directory)
    expect(await host.exited).toBe(1)
    expect(host.output()).toMatch(/^host\.json: "functionTimeout" is "soon", but it must .+\n$/)
    await app.remove()
  })

  test.each([
    ['host.json', '{ "version": "2.0", "functionTimeout": "soon" }', /"functionTimeout" is "soon"/],
    ['host.json', '{ "version"', /host\.json is not valid JSON/],
    ['local.settings.json', '{ "IsEncrypted": false, "Values": ', /local\.settings\.json is not valid JSON/],
    ['local.settings.json', '{ "IsEncrypted": false, "Values": { "A": {} } }', /Values\.A must be text/],
  ])('a save of %s as %s is one line, and the last good version goes on', async (file, content, message) => {
    const app = await writeApp({ 'src/a.js': answering('hello', 'a') })
    const host = await startHost(app.directory)
    const from = host.output().length
    await app.write({ [file]: content })
    const printed = await host.printed('The app was not reloaded', from)
    expect(printed.trimEnd().split('\n')).toHaveLength(1)
    expect(printed).toMatch(message)
    expect(await (await host.fetch('/api/hello')).text()).toBe('a')
    // And once more: each save has its line.
    const again = host.output().length
    await app.write({ [file]: `${content} ` })
    await host.printed('The app was not reloaded', again)
    await host.stop()
    await app.remove()
  })

  test('a reload takes on all of host.json and local.settings.json', async () => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ='
    const app = await writeApp({
      'src/a.js': `const { app } = require('@azure/functions')
app.http('hello', { handler: (_request, context) => { context.log('a word'); console.log('key ' + process.env.Store); return { body: 'a' } } })`,
    })
    const host = await startHost(app.directory)
    const origin = { headers: { Origin: 'https://example.org' } }
    expect((await host.fetch('/api/hello', origin)).headers.get('access-control-allow-origin')).toBeNull()
    const from = host.output().length
    await app.write({
      'host.json': '{ "version": "2.0", "logging": { "logLevel": { "Function.*.User": "Error" } } }',
      'local.settings.json': JSON.stringify({
        IsEncrypted: false,
        Values: { Store: `AccountName=a;AccountKey=${secret}` },
        Host: { CORS: 'https://example.org' },
      }),
    })
    await host.printed('Worker process started and initialized. Functions:', from)
    const since = host.output().length
    expect((await host.fetch('/api/hello', origin)).headers.get('access-control-allow-origin')).toBe(
      'https://example.org',
    )
    const printed = await host.printed(/Executed 'Functions\.hello'/, since)
    expect(printed).toContain('key AccountName=a;AccountKey=***')
    expect(printed).not.toContain(secret)
    expect(printed).not.toContain('a word')
    await host.stop()
    await app.remove()
  })
})
