import { describe, expect, test } from '@jest/globals'
import type { LogLevel } from '../src/protocol.ts'
import { createLog, type Log } from '../src/host/log.ts'
import { braceAlternatives } from '../src/worker/brace-alternatives.ts'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools, startHost } from './harness/host.ts'

function logTo(lines: string[], options: { colours?: boolean; verbose?: boolean } = {}): Log {
  return createLog({ verbose: options.verbose ?? false, colours: options.colours ?? false }, (text) => {
    lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^\[[^\]]+\] /, '')),
    )
  })
}

describe('the log', () => {
  test.each([
    ["Executed 'Functions.order' (Succeeded, Id=1, Duration=1ms)"],
    ["Executing 'Functions.order' (Reason='…', Id=1)"],
    ["The 'order' function is in error: no"],
    ["  Executed 'Functions.order' (Failed, Id=1)"],
    ["\u001B[32mExecuted 'Functions.order' (Succeeded)"],
    ["\u200BExecuted 'Functions.order' (Succeeded)"],
    ['Message has reached MaxDequeueCount of 5. Moving message to queue'],
    ["Host lock lease acquired by instance ID 'X'."],
  ])('a line of the app cannot pass for one of the host: %j', (line) => {
    const shown: string[] = []
    const log = logTo(shown)
    log.output('stdout', line)
    log.write('Function.order.User', 'information', line)
    log.write('Function.order.User', 'information', `first\n${line}`)
    // An error's message is the app's, too, though the entry is the host's.
    log.write('Function.order', 'error', `System.Private.CoreLib: Exception\nException: a\n${line}`)
    const bare = line.replaceAll('\u001B[32m', '')
    expect(shown.filter((text) => text.includes(bare.trim()))).toHaveLength(4)
    for (const text of shown.filter((text) => text.includes(bare.trim()))) expect(text).toBe(`(app) ${bare}`)
  })

  test('what the app writes otherwise stays as it is', () => {
    const shown: string[] = []
    const log = logTo(shown)
    log.output('stdout', '  one {0} 100% ünï €😀')
    log.write('Function.a.User', 'information', 'two\n\nthree')
    expect(shown).toEqual(['  one {0} 100% ünï €😀', 'two', '', 'three'])
  })

  test('colours pass on a terminal and are taken out elsewhere; other controls never pass', () => {
    const text = '\u001B[1;31mred\u001B[0m \u001B[2J\u001B]0;title\u0007\r\u2028\u202Eend'
    const [plain, terminal]: [string[], string[]] = [[], []]
    logTo(plain).output('stdout', text)
    logTo(terminal, { colours: true }).output('stdout', text)
    const rest = ' \\x1b[2J\\x1b]0;title\\x07\\x0d\\u2028\\u202eend'
    expect(plain).toEqual([`red${rest}`])
    expect(terminal).toEqual([`\u001B[1;31mred\u001B[0m${rest}\u001B[0m`])
  })

  // https://learn.microsoft.com/dotnet/core/extensions/logging#how-filtering-rules-are-applied
  test.each<[Record<string, LogLevel>, string, LogLevel, boolean]>([
    [{}, 'Function.a', 'information', true],
    [{}, 'Host.Queues', 'information', false],
    [{ default: 'error' }, 'Function.a', 'warning', false],
    [{ default: 'error', Function: 'debug' }, 'Function.a', 'debug', true],
    [{ 'Function.a': 'none' }, 'Function.a.User', 'critical', false],
    [{ 'Function.a': 'none', 'Function.a.User': 'trace' }, 'Function.a.User', 'trace', true],
    [{ Function: 'error', 'Function.*.User': 'trace' }, 'Function.a.User', 'trace', true],
    [{ Function: 'error', 'Function.*.User': 'trace' }, 'Function.a', 'information', false],
    [{ 'host.queues': 'information' }, 'Host.Queues', 'information', true],
    [{ Func: 'error' }, 'Function.a', 'information', false],
  ])('with %j an entry of %s at %s is shown: %p', (levels, category, level, shown) => {
    const lines: string[] = []
    const log = logTo(lines)
    log.configure({ levels: new Map(Object.entries(levels)), secrets: [] })
    log.write(category, level, 'entry')
    expect(lines).toEqual(shown ? ['entry'] : [])
  })

  test('a secret that was replaced stays hidden, and so is the new one', () => {
    const lines: string[] = []
    const log = logTo(lines)
    log.configure({ levels: new Map(), secrets: ['first-secret'] })
    log.configure({ levels: new Map(), secrets: ['second-secret'] })
    log.info('first-secret second-secret')
    expect(lines).toEqual(['*** ***'])
  })
})

test.each([
  ['src/{index.js,functions/*.js}', ['src/index.js', 'src/functions/*.js']],
  ['{b,a}/{2,1}.js', ['b/2.js', 'b/1.js', 'a/2.js', 'a/1.js']],
  ['a/{b,c/{d,e}}.js', ['a/b.js', 'a/c/d.js', 'a/c/e.js']],
  ['a/{1..3}.js', ['a/{1..3}.js']],
  ['a/{1..3}{x,y}.js', ['a/{1..3}x.js', 'a/{1..3}y.js']],
  ['a/\\{b,c\\}.js', ['a/\\{b,c\\}.js']],
  ['a/{b,.js', ['a/{b,.js']],
  ['src/*.js', ['src/*.js']],
])('the braces of %s name %j, in this order', (pattern, expected) => {
  expect(braceAlternatives(pattern)).toEqual(expected)
})

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
