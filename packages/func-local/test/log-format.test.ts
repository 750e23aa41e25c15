import { describe, expect, test } from '@jest/globals'
import { jsonLines, textLines } from '../src/host/log-format.ts'
import { createLog, REQUESTS, type Log } from '../src/host/log.ts'

const TIME = new Date('2026-01-02T03:04:05.678Z')

function jsonLog(lines: unknown[]): Log {
  const write = (text: string): void => {
    expect(text).toMatch(/^[^\n]*\n$/)
    lines.push(JSON.parse(text))
  }
  return createLog({ verbose: false }, jsonLines(write), () => TIME)
}

const request = { method: 'GET', path: '/api/a', status: 200, milliseconds: 5, aborted: false }

describe('the log as JSON', () => {
  test('is one object a line, with the function and the invocation where there is one', () => {
    const lines: unknown[] = []
    const log = jsonLog(lines)
    log.write('Function.a', 'information', 'Executing', { invocationId: '1' })
    log.write('Function.a.User', 'warning', '\u001B[31mred\u001B[0m\ntwo\n', { invocationId: '1' })
    log.write('Function.Host.User', 'information', 'outside')
    log.info('of the host')
    log.output('stderr', 'written')
    log.plain('')
    log.plain('\ta: [GET] http://localhost:7071/api/a', 'green')
    log.write(REQUESTS, 'information', 'GET /api/a 200 5 ms', {
      functionName: 'a',
      invocationId: '1',
      request,
    })
    const time = TIME.toISOString()
    const info = { time, level: 'information' }
    expect(lines).toEqual([
      { ...info, category: 'Function.a', message: 'Executing', functionName: 'a', invocationId: '1' },
      {
        ...info,
        level: 'warning',
        category: 'Function.a.User',
        message: 'red\ntwo',
        functionName: 'a',
        invocationId: '1',
      },
      { ...info, category: 'Function.Host.User', message: 'outside' },
      { ...info, category: 'Host.General', message: 'of the host' },
      { ...info, level: 'error', category: 'Host.Function.Console', message: 'written' },
      { ...info, category: 'Host.Startup', message: 'a: [GET] http://localhost:7071/api/a' },
      {
        ...info,
        category: REQUESTS,
        message: 'GET /api/a 200 5 ms',
        functionName: 'a',
        invocationId: '1',
        ...request,
      },
    ])
  })

  test('hides secrets and follows the levels of host.json', () => {
    const lines: unknown[] = []
    const log = jsonLog(lines)
    log.configure({ levels: new Map([['Host.Requests', 'warning']]), secrets: ['a-secret'] })
    log.write(REQUESTS, 'information', 'GET /api/a 200 5 ms', { request })
    log.write('Function.a.User', 'information', 'knows a-secret')
    const path = '/api/a-secret'
    log.write(REQUESTS, 'warning', `GET ${path} 200 5 ms`, { request: { ...request, path } })
    expect(lines).toEqual([
      expect.objectContaining({ message: 'knows ***' }),
      expect.objectContaining({ message: 'GET /api/*** 200 5 ms', path: '/api/***' }),
    ])
  })
})

describe('the log as text', () => {
  test.each([
    [false, 'GET /api/a 200 5 ms'],
    [true, 'GET /api/a 200 5 ms (Id=1)'],
  ])('with --verbose: %p, the line of a request is %j', (verbose, shown) => {
    const texts: string[] = []
    const lines = textLines({ colours: false, verbose }, (text) => texts.push(text))
    const log = createLog({ verbose }, lines, () => TIME)
    log.write(REQUESTS, 'information', 'GET /api/a 200 5 ms', { invocationId: '1', request })
    expect(texts).toEqual([`[${TIME.toISOString()}] ${shown}\n`])
  })

  test.each(['GET /api/a 200 5 ms', 'POST /x aborted 10 ms', 'GET /x 200 aborted 7 ms'])(
    'a line of the app cannot pass for that of a request: %s',
    (line) => {
      const texts: string[] = []
      const log = createLog(
        { verbose: false },
        textLines({ colours: false, verbose: false }, (text) => texts.push(text)),
      )
      log.output('stdout', line)
      expect(texts).toEqual([expect.stringMatching(/\] \(app\) /)])
    },
  )
})
