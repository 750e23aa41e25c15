import { describe, expect, test } from '@jest/globals'
import type { LogLevel } from '../src/protocol.ts'
import { createLog, type Log } from '../src/host/log.ts'
import { textLines } from '../src/host/log-format.ts'
import { braceAlternatives } from '../src/worker/brace-alternatives.ts'

function logTo(lines: string[], options: { colours?: boolean; verbose?: boolean } = {}): Log {
  const { verbose = false, colours = false } = options
  const write = (text: string): void => {
    lines.push(
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^\[[^\]]+\] /, '')),
    )
  }
  return createLog({ verbose }, textLines({ verbose, colours }, write))
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
    ["Cosmos DB responds again; container 'orders' is being read."],
    ['MCP server endpoint: http://localhost:7071/runtime/webhooks/mcp'],
    ['MCP server legacy SSE endpoint: http://localhost:7071/runtime/webhooks/mcp/sse'],
    ['Console: http://evil.example/'],
    ['Key for functions and the admin API (header x-functions-key, or ?code=): x'],
    ['Stopping; waiting at most 30 s for a'],
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
    [{ 'Function.a': 'error', Function: 'trace' }, 'Function.a', 'warning', false],
    [{ Function: 'trace', default: 'error' }, 'Function.a', 'trace', true],
    [{ DEFAULT: 'error' }, 'Function.a', 'warning', false],
    [{ 'Function.a': 'error', 'Function.A': 'trace' }, 'Function.a', 'trace', true],
    [{ '*.User': 'error' }, 'Function.a.User', 'warning', false],
    [{ '*.User': 'error' }, 'Function.a', 'information', true],
    [{ 'Function.*': 'error' }, 'Function.a', 'warning', false],
    [{ 'Host.*.User': 'error' }, 'Function.a.User', 'warning', true],
    [{ 'Function.a*a.User': 'error' }, 'Function.a.User', 'warning', true],
    [{ 'Function.a*.User': 'error' }, 'Function.a.User', 'warning', false],
    [{ Function: 'none' }, 'Function.a', 'none', false],
  ])('with %j an entry of %s at %s is shown: %p', (levels, category, level, shown) => {
    const lines: string[] = []
    const log = logTo(lines)
    log.configure({ levels: new Map(Object.entries(levels)), secrets: [] })
    log.write(category, level, 'entry')
    expect(lines).toEqual(shown ? ['entry'] : [])
  })

  test('an entry is stamped on every line, and coloured by its level on a terminal', () => {
    const written = (colours: boolean): string => {
      let text = ''
      const now = (): Date => new Date('2026-01-02T03:04:05.678Z')
      const lines = textLines({ verbose: false, colours }, (part) => (text += part))
      const log = createLog({ verbose: false }, lines, now)
      log.info('one\r\ntwo\n\n')
      log.warn('three')
      log.error('four')
      log.write('Function.a', 'critical', 'five')
      log.output('stdout', 'six')
      log.output('stderr', 'seven')
      log.plain('eight')
      log.plain('nine', 'yellow')
      log.plain('ten', 'green')
      return text.replaceAll('[2026-01-02T03:04:05.678Z]', '@').replaceAll('\u001B', '^')
    }
    expect(written(false)).toBe('@ one\n@ two\n@ three\n@ four\n@ five\n@ six\n@ seven\neight\nnine\nten\n')
    expect(written(true)).toBe(
      '@ one\n@ two\n@ ^[33mthree^[0m\n@ ^[31mfour^[0m\n@ ^[31mfive^[0m\n@ six\n@ ^[31mseven^[0m\neight\n^[33mnine^[0m\n^[32mten^[0m\n',
    )
  })

  test('a line of the host itself is not marked, a control character in it is shown as an escape', () => {
    const shown: string[] = []
    const log = logTo(shown)
    log.info("Executed 'Functions.a' (Succeeded)\u009F\u0100")
    expect(shown).toEqual(["Executed 'Functions.a' (Succeeded)\\x9f\u0100"])
  })

  test('details of the host are shown with --verbose', () => {
    const shown: string[] = []
    logTo(shown, { verbose: true }).write('Host.General', 'information', 'detail')
    logTo(shown).write('Host.General', 'information', 'hidden')
    logTo(shown).write('Host.General', 'warning', 'warned')
    expect(shown).toEqual(['detail', 'warned'])
  })

  test('a level is decided anew after each configuration', () => {
    const shown: string[] = []
    const log = logTo(shown)
    for (const level of ['error', 'information', 'none'] as const) {
      log.configure({ levels: new Map([['Function', level]]), secrets: [] })
      log.write('Function.a', 'information', level)
      log.write('Function.a', 'none', 'never')
    }
    expect(shown).toEqual(['information'])
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
