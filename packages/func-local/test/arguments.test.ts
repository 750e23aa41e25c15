import { describe, expect, test } from '@jest/globals'
import { parseArguments, UsageError, type StartOptions } from '../src/arguments.ts'

const defaults: StartOptions = {
  scriptRoot: undefined,
  port: undefined,
  address: undefined,
  cors: undefined,
  corsCredentials: false,
  functions: undefined,
  enableAuth: false,
  verbose: false,
  languageWorker: [],
  notices: [],
}

// https://learn.microsoft.com/azure/azure-functions/functions-core-tools-reference#func-start
describe('the command line', () => {
  test.each<[string[], Partial<StartOptions>]>([
    [[], {}],
    [['start'], {}],
    [['host', 'start'], {}],
    [['func', 'start', '--port', '8080'], { port: 8080 }],
    [['start', '-p', '0'], { port: 0 }],
    [['start', '--script-root=app', '--address', '0.0.0.0'], { scriptRoot: 'app', address: '0.0.0.0' }],
    [['start', '--functions', 'a', 'b', '--verbose'], { functions: ['a', 'b'], verbose: true }],
    [['start', '--functions', 'a,b'], { functions: ['a', 'b'] }],
    [['start', '--cors', '*', '--cors-credentials'], { cors: '*', corsCredentials: true }],
    [['start', '--enableauth', '--no-build', '--typescript'], { enableAuth: true }],
    [
      ['start', '--language-worker', '--', '--inspect=9229 --no-warnings'],
      { languageWorker: ['--inspect=9229', '--no-warnings'] },
    ],
    [['start', '--language-worker=--inspect'], { languageWorker: ['--inspect'] }],
  ])('%j', (args, expected) => {
    expect(parseArguments(args)).toEqual({ kind: 'start', options: { ...defaults, ...expected } })
  })

  test.each<[string[], RegExp]>([
    [['start', '--prot', '1'], /Unknown flag '--prot'\. Did you mean --port\?/],
    [['start', '--enable-auth'], /Did you mean --enableAuth\?/],
    [['start', '--port'], /--port needs a value/],
    [['start', '--port', '99999'], /from 0 to 65535, not '99999'/],
    [['start', '--functions'], /--functions needs a value/],
    [['new'], /Unknown command 'new'/],
    [['start', 'extra'], /Unexpected argument 'extra'/],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
    expect(() => parseArguments(args)).toThrow(message)
  })

  test('help and version', () => {
    expect(parseArguments(['--help'])).toEqual({ kind: 'help' })
    expect(parseArguments(['start', '-h'])).toEqual({ kind: 'help' })
    expect(parseArguments(['--version'])).toEqual({ kind: 'version' })
  })
})
