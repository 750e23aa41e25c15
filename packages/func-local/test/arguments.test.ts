import { describe, expect, test } from '@jest/globals'
import { parseArguments, UsageError, type StartOptions } from '../src/arguments.ts'
import type { InvokeCommand } from '../src/invoke/arguments.ts'
import { USAGE } from '../src/usage.ts'

const defaults: StartOptions = {
  scriptRoot: undefined,
  port: undefined,
  address: undefined,
  cors: undefined,
  corsCredentials: false,
  functions: undefined,
  enableAuth: false,
  console: true,
  verbose: false,
  json: false,
  https: undefined,
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
    [['start', '--no-console'], { console: false }],
    [['start', '--enableauth', '--no-build', '--typescript'], { enableAuth: true }],
    [
      ['start', '--language-worker', '--', '--inspect=9229 --no-warnings'],
      { languageWorker: ['--inspect=9229', '--no-warnings'] },
    ],
    [['start', '--prefix', 'app'], { scriptRoot: 'app' }],
    [['start', '--PORT=8080', '--functions=a', '--functions', 'b'], { port: 8080, functions: ['a', 'b'] }],
    [
      ['start', '--timeout', '20'],
      { notices: [expect.stringContaining('--timeout is not supported') as unknown as string] },
    ],
    [
      ['start', '-t', '20'],
      { notices: [expect.stringContaining('--timeout is not supported') as unknown as string] },
    ],
    [
      ['start', '--csharp', '--verbose'],
      { verbose: true, notices: [expect.stringContaining('--csharp is not supported') as unknown as string] },
    ],
    [['start', '--json'], { json: true }],
    [['start', '--verbose', 'true', '--json=False', '--enableAuth', 'FALSE'], { verbose: true }],
    [['start', '--usehttps'], { https: { cert: undefined, password: undefined } }],
    [
      ['start', '--useHttps', '--cert', 'a.pfx', '--password', 'x'],
      { https: { cert: 'a.pfx', password: 'x' } },
    ],
    [['start', '--language-worker=--inspect'], { languageWorker: ['--inspect'] }],
    [['start', '--language-worker=--a  --b'], { languageWorker: ['--a', '--b'] }],
    [
      ['start', '--language-worker', '--a  --b', '--verbose'],
      { languageWorker: ['--a', '--b'], verbose: true },
    ],
    [
      ['start', '--language-worker', '--', '--a  --b', '--verbose'],
      { languageWorker: ['--a', '--b', '--verbose'] },
    ],
    [['start', '--language-worker', '--inspect'], { languageWorker: ['--inspect'] }],
    [
      ['start', '--functions=a, b,', 'c , d', '--verbose'],
      { functions: ['a', 'b', 'c', 'd'], verbose: true },
    ],
    [['start', '--verbose=true', '--enableAuth=false'], { verbose: true }],
    [['start', '--port=65535'], { port: 65535 }],
    [['start', '--cors=a=b'], { cors: 'a=b' }],
    [
      ['start', '--csharp', 'TRUE', '--verbose'],
      {
        verbose: true,
        notices: ['--csharp is not supported by func-local: it is for .NET apps. It is ignored.'],
      },
    ],
    [
      ['start', '--csharp', 'false'],
      { notices: ['--csharp is not supported by func-local: it is for .NET apps. It is ignored.'] },
    ],
    [
      ['start', '--csharp=true', '--debug'],
      {
        notices: [
          '--csharp is not supported by func-local: it is for .NET apps. It is ignored.',
          '--debug is not supported by func-local: use --language-worker -- --inspect. It is ignored.',
        ],
      },
    ],
    [
      ['start', '--runtime', 'x', '--timeout=5', '--dotnet-isolated-debug'],
      {
        notices: [
          '--runtime is not supported by func-local: it is for .NET apps. It is ignored.',
          '--timeout is not supported by func-local: it waits for as long as the app takes to load. It is ignored.',
          '--dotnet-isolated-debug is not supported by func-local: it is for .NET apps. It is ignored.',
        ],
      },
    ],
  ])('%j', (args, expected) => {
    expect(parseArguments(args)).toEqual({ kind: 'start', options: { ...defaults, ...expected } })
  })

  test.each<[string[], RegExp]>([
    [['start', '--prot', '1'], /Unknown flag '--prot'\. Did you mean --port\?/],
    [['start', '--enable-auth'], /Did you mean --enableAuth\?/],
    [['start', '--cert', 'a.pfx'], /--cert is for HTTPS\. Add --useHttps, or leave it out\./],
    [['start', '--password=x'], /--password is for HTTPS/],
    [['start', '--useHttps', '--password', 'x'], /--password is the password of --cert, which is missing/],
    [
      ['start', '--enable-json-output', 'true'],
      /--enable-json-output is not supported by func-local: it has a JSON log of another form, --json\. Leave it out, or use/,
    ],
    [['start', '--json-output-file', 'f'], /--json-output-file is not supported/],
    [['start', '--nothing-like-it'], /Unknown flag '--nothing-like-it'\. See/],
    [['start', '--port'], /--port needs a value/],
    [['start', '--port', '99999'], /from 0 to 65535, not '99999'/],
    [['start', '--functions'], /--functions needs a value/],
    [['new'], /Unknown command 'new'/],
    [['start', 'extra'], /^Unexpected argument 'extra'; see func-local --help\.$/],
    [['start', 'a=b'], /Unexpected argument 'a=b'/],
    [['start', '=x'], /Unexpected argument '=x'/],
    [['start', '--=x'], /Unknown flag '--'/],
    [['start', '-p=1'], /Unknown flag '-p=1'/],
    [['start', '--csharp', 'xtrue'], /Unexpected argument 'xtrue'/],
    [['start', '--csharp', 'truex'], /Unexpected argument 'truex'/],
    [['start', '--csharp=true', 'true'], /Unexpected argument 'true'/],
    [['start', '--port', '65536'], /from 0 to 65535, not '65536'/],
    [['start', '--port', '8x'], /from 0 to 65535, not '8x'/],
    [['start', '--port', 'x8'], /from 0 to 65535, not 'x8'/],
    [['start', '--port='], /from 0 to 65535, not ''/],
    [['start', '--functions='], /^--functions needs a value; see func-local --help\.$/],
    [['start', '--language-worker'], /--language-worker needs a value/],
    [['start', '--timeout'], /--timeout needs a value/],
    [['start', '--useHttps', 'true', 'true'], /Unexpected argument 'true'/],
    [['start', '--verbose=yes'], /^--verbose is either true or false, not 'yes'\.$/],
    [['start', '--enable-json-output', 'true'], /Leave it out, or use Core Tools \(func start\)\.$/],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
    expect(() => parseArguments(args)).toThrow(message)
  })

  test('the help names every flag', () => {
    for (const flag of [
      '--script-root',
      '--prefix',
      '--port',
      '-p',
      '--address',
      '--functions',
      '--cors',
      '--cors-credentials',
      '--enableAuth',
      '--no-console',
      '--verbose',
      '--language-worker',
      '--no-build',
      '--help',
      '-h',
      '--version',
      '-v',
      '--useHttps',
      '--cert',
      '--password',
      '--json',
      '--timeout',
      '--enable-json-output',
      '--json-output-file',
      '--runtime',
      '--dotnet-isolated-debug',
    ])
      expect(USAGE).toContain(flag)
  })

  test.each([
    ['--prot', '--port'],
    ['--adress', '--address'],
    ['--Verbos', '--verbose'],
    ['--corz', '--cors'],
    ['--hlep', '--help'],
  ])('for %s it suggests %s', (given, meant) => {
    expect(() => parseArguments(['start', given])).toThrow(
      `Unknown flag '${given}'. Did you mean ${meant}? See func-local --help.`,
    )
  })

  test('help and version', () => {
    expect(parseArguments(['--help'])).toEqual({ kind: 'help' })
    expect(parseArguments(['start', '-h'])).toEqual({ kind: 'help' })
    expect(parseArguments(['--version'])).toEqual({ kind: 'version' })
    expect(parseArguments(['help'])).toEqual({ kind: 'help' })
    expect(parseArguments(['version'])).toEqual({ kind: 'version' })
    expect(parseArguments(['host', 'start', '-V'])).toEqual({ kind: 'version' })
  })
})

describe('the command line of invoke', () => {
  const invoke: InvokeCommand = {
    functionName: 'f',
    data: undefined,
    inputs: new Map(),
    blob: undefined,
    scriptRoot: undefined,
    port: undefined,
    key: undefined,
    sample: false,
    json: false,
    verbose: false,
  }

  test.each<[string[], Partial<InvokeCommand>]>([
    [['f'], {}],
    [['f', '{"a":1}'], { data: { kind: 'text', text: '{"a":1}' } }],
    [['f', '@data.json', '--json'], { data: { kind: 'file', path: 'data.json' }, json: true }],
    [['f', '-', '--Verbose'], { data: { kind: 'stdin' }, verbose: true }],
    [['--', 'f', '-5'], { data: { kind: 'text', text: '-5' } }],
    [['--sample', 'f', '--script-root=app', '-p', '8080'], { sample: true, scriptRoot: 'app', port: 8080 }],
    [['f', '--prefix', 'app', '--key', 'k', '--blob', 'c/b'], { scriptRoot: 'app', key: 'k', blob: 'c/b' }],
    [
      ['f', '--input', 'a=1=2', '--input=b=@x'],
      {
        inputs: new Map([
          ['a', { kind: 'text', text: '1=2' }],
          ['b', { kind: 'file', path: 'x' }],
        ]),
      },
    ],
  ])('%j', (args, expected) => {
    expect(parseArguments(['invoke', ...args])).toEqual({
      kind: 'invoke',
      invoke: { ...invoke, ...expected },
    })
  })

  test.each([
    [[], /needs the name of a function/],
    [['f', 'a', 'b'], /Unexpected argument 'b': the data is one argument\. Put it in quotes/],
    [['f', '--inputs', 'a=1'], /Unknown flag '--inputs' of invoke\. Did you mean --input\?/],
    [['f', '--nonsense'], /Unknown flag '--nonsense' of invoke\. See/],
    [['f', '--blob'], /--blob needs a value/],
    [['f', '--input', '=x'], /--input is name=value, name=@file or name=-/],
    [['f', '--port', 'x'], /--port must be the port of a running host/],
    [['f', '--port', '0'], /--port must be the port of a running host/],
  ])('%j is refused', (args, message) => {
    expect(() => parseArguments(['invoke', ...args])).toThrow(UsageError)
    expect(() => parseArguments(['invoke', ...args])).toThrow(message)
  })

  test('the help names its flags', () => {
    expect(parseArguments(['invoke', 'f', '--help'])).toEqual({ kind: 'help' })
    for (const flag of ['--sample', '--input', '--blob', '--json', '--key'])
      expect(USAGE).toContain(`  ${flag} `)
  })
})
