import { describe, expect, test } from '@jest/globals'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools, startHost } from './harness/host.ts'

;(onCoreTools ? describe.skip : describe)('what the app writes', () => {
  test('context.log, console.log and console.error keep their order, and nothing is lost when it exits', async () => {
    const app = await writeApp({
      'src/a.js': `const { app } = require('@azure/functions')
app.http('log', { handler: (_request, context) => {
  for (let i = 0; i < 50; i++) { context.log('n' + 4 * i + '.'); console.log('n%d.', 4 * i + 1); console.error('n' + (4 * i + 2) + '.'); process.stdout.write('n'); process.stdout.write(4 * i + 3 + '.\\n') }
  return {}
} })
app.http('burst', { handler: (_request, context) => {
  for (let i = 0; i < 20_000; i++) { context.log('entry ' + i + '.' + 'x'.repeat(40)); if (i % 100 === 0) console.log('line ' + i + '.') }
  process.exit(3)
} })
`,
    })
    const host = await startHost(app.directory)
    await host.fetch('/api/log')
    await host.printed('] n199.')
    const numbers = [...host.output().matchAll(/\] n(\d+)\.$/gm)].map(([, n]) => Number(n))
    expect(numbers).toEqual(Array.from({ length: 200 }, (_, i) => i))
    expect((await host.fetch('/api/burst')).status).toBe(500)
    await host.printed('exited with code 3')
    const output = host.output()
    const written = [...output.matchAll(/\] ((?:entry|line) \d+)\./g)].map(([, text]) => text)
    const expected = Array.from({ length: 20_000 }, (_, i) =>
      i % 100 === 0 ? [`entry ${i}`, `line ${i}`] : [`entry ${i}`],
    )
    expect(written).toEqual(expected.flat())
    await host.stop()
    await app.remove()
  })

  test('a value set on an output that the function does not have is named, once', async () => {
    const app = await writeApp({
      'src/a.js': `const { app, output } = require('@azure/functions')
const lost = output.storageQueue({ queueName: 'forgotten', connection: 'C' })
app.http('a', { handler: (_request, context) => { context.extraOutputs.set(lost, 'x'); return { body: 'sent' } } })`,
    })
    const host = await startHost(app.directory)
    for (let i = 0; i < 2; i++) expect(await (await host.fetch('/api/a')).text()).toBe('sent')
    expect(host.output().match(/sets the extra output queue 'forgotten'/g)).toHaveLength(1)
    await host.stop()
    await app.remove()
  })

  test('braces in main load what they name first, first', async () => {
    const app = await writeApp({
      'package.json': '{ "main": "src/{index.js,functions/*.js}" }',
      'src/index.js': "globalThis.greeting = 'hi'",
      'src/functions/hello.js': answering('hello', 'x').replace("'x'", '`${globalThis.greeting}`'),
    })
    const host = await startHost(app.directory)
    expect(await (await host.fetch('/api/hello')).text()).toBe('hi')
    await host.stop()
    await app.remove()
  })
})
