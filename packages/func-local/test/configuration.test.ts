import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readHostConfig } from '../src/config/host-config.ts'
import { readHostOptions } from '../src/config/host-options.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { readSettings, settingsOf } from '../src/config/settings.ts'
import { parseTimeSpan } from '../src/config/time-span.ts'
import { retryDelay, withRetries } from '../src/host/retry.ts'
import { readQueueOptions } from '../src/storage/queue-options.ts'

describe('configuration', () => {
  let directory: string

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'func-local-config-'))
  })
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true })
  })
  const settingsFile = (content: string): Promise<void> =>
    writeFile(path.join(directory, 'local.settings.json'), content)
  const hostFile = (content: string): Promise<void> => writeFile(path.join(directory, 'host.json'), content)
  const none = settingsOf(new Map())

  // https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file
  test('Values fill variables that are unset or empty, and the environment wins', async () => {
    await settingsFile(`// a comment
    { "IsEncrypted": false, "Values": { "A": "file", "B": "file", "C": "file", "N": 1 },
      "ConnectionStrings": { "Sql": "s" }, "Host": { "LocalHttpPort": 7100, "CORS": "*" }, }`)
    const { settings, host } = readSettings(directory, { A: 'env', B: '' })
    expect(['a', 'B', 'C', 'N', 'ConnectionStrings:Sql'].map((name) => settings.get(name))).toEqual(['env', 'file', 'file', '1', 's']) // prettier-ignore
    expect(host).toEqual({ LocalHttpPort: 7100, CORS: '*' })
    expect(settings.environment).toMatchObject({ A: 'env', B: 'file' })
  })

  test.each([
    ['{ "IsEncrypted": true, "Values": { "A": "x" } }', /is encrypted/],
    ['{ "Values": { "A": "x" } }', /is missing, which means true/],
    ['{ "Values": ', /not valid JSON \(ValueExpected at line 1, column \d+\)/],
    ['[]', /must hold a JSON object/],
    ['{ "IsEncrypted": false, "Values": { "A": {} } }', /Values\.A must be text/],
    [
      '{ "IsEncrypted": false, "Host": { "LocalHttpPort": "x" } }',
      /Host\.LocalHttpPort must be a whole number/,
    ],
  ])('local.settings.json %s is refused in one line', async (content, message) => {
    await settingsFile(content)
    expect(() => readSettings(directory, {})).toThrow(ConfigurationError)
    expect(() => readSettings(directory, {})).toThrow(message)
  })

  test('values are texts as Core Tools makes them: numbers as they are written, booleans, no null', async () => {
    await settingsFile(
      '{ "IsEncrypted": "false", "Values": { "BIG": 12345678901234567890, "DEC": 1.50, "YES": true, "NO": false, "NUL": null, "EMPTY": "" } }',
    )
    const { settings, problems } = readSettings(directory, {})
    expect(settings.environment).toEqual({
      BIG: '12345678901234567890', DEC: '1.50', YES: 'true', NO: 'false', EMPTY: '',
    }) // prettier-ignore
    expect(problems).toEqual(['local.settings.json: "NUL" is null and is not set. Use "" for an empty text.'])
  })

  test('what has no effect is one line each, and no line shows a value', async () => {
    await settingsFile(
      '{ "keyName": "s3cret", "Valuse": {}, "IsEncrypted": false, "Values": { "MY": "s3cret", "SAME": "x", "": "y", "A=B": "z" }, "Host": { "CORSs": "*" } }',
    )
    const { problems } = readSettings(directory, { MY: 'other', SAME: 'x' })
    expect(problems).toEqual([
      'local.settings.json: "keyName" is outside "Values" and is ignored. Move it into "Values".',
      'local.settings.json: "Valuse" is outside "Values" and is ignored. Did you mean "Values"?',
      'local.settings.json: "Host.CORSs" is not a known setting; it is ignored.',
      'local.settings.json: "MY" is not used, because the environment variable of that name is set. Unset it to use the file\'s value.',
      'local.settings.json: a setting without a name in "Values" is ignored.',
      'local.settings.json: "A=B" is ignored: the name of an environment variable cannot hold "=".',
    ])
  })

  test.each([
    [{ mY__key: 'env' }, 'My:Key', 'env'],
    [{ 'MY:KEY': 'env' }, 'My__Key', 'env'],
    [{ my__key: '' }, 'My__Key', 'file'],
    [{ my__key: '', MY__KEY: 'env' }, 'My__Key', 'env'],
    [{ MY__KEY: 'env', my__key: '' }, 'My__Key', 'env'],
  ])(
    'the environment %j takes precedence over the file\'s "%s", whatever the spelling',
    async (environment, key, expected) => {
      await settingsFile(JSON.stringify({ IsEncrypted: false, Values: { [key]: 'file' } }))
      const { settings, problems } = readSettings(directory, environment)
      expect(settings.get('my:key')).toBe(expected)
      expect([...settings.under('MY__').values()]).toEqual([expected])
      // What the handler reads under the file's spelling is what the host reads.
      expect(settings.environment[key]).toBe(expected)
      const variable = Object.entries(environment).find(([, value]) => value !== '')?.[0]
      expect(problems).toEqual(
        variable === undefined
          ? []
          : [
              `local.settings.json: "${key}" is not used, because the environment variable '${variable}' is set. Unset it to use the file's value.`,
            ],
      )
    },
  )

  test('of several spellings of a name, the same one counts for a setting and for an override of host.json', () => {
    const settings = settingsOf(
      new Map([
        ['AzureFunctionsJobHost__logging__logLevel__default', ''],
        ['azureFunctionsJobHost:logging:logLevel:Default', 'Debug'],
        ['AZUREFUNCTIONSJOBHOST__LOGGING__LOGLEVEL__DEFAULT', 'Error'],
      ]),
    )
    expect(settings.get('AzureFunctionsJobHost:logging:logLevel:default')).toBe('Debug')
    expect([...settings.under('AzureFunctionsJobHost:')]).toEqual([['logging:logLevel:Default', 'Debug']])
  })

  test.each([
    ['UTF-16 behind a byte order mark', 'utf16le', '\uFEFF'],
    ['UTF-8 behind a byte order mark', 'utf8', '\uFEFF'],
    ['UTF-8', 'utf8', ''],
  ] as const)('a file in %s is read', async (_what, encoding, mark) => {
    const content = `${mark}{ 'IsEncrypted': false, values: { "MY": 'it\\'s "v" ä' } }`
    await writeFile(path.join(directory, 'local.settings.json'), content, encoding)
    expect(readSettings(directory, {}).settings.get('MY')).toBe('it\'s "v" ä')
  })

  test('a NUL character in a value is refused in one line', async () => {
    await settingsFile('{ "IsEncrypted": false, "Values": { "MY": "a\\u0000b" } }')
    expect(() => readSettings(directory, {})).toThrow(
      /Values\.MY holds a NUL character, which no environment variable can/,
    )
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
  test('any value of host.json can come from the environment', async () => {
    await hostFile(
      '{ "version": "2.0", "extensions": { "queues": { "batchSize": 4, "MaxDequeueCount": 3 } } }',
    )
    const settings = settingsOf(
      new Map([
        ['AzureFunctionsJobHost__extensions__queues__visibilityTimeout', '00:00:01'],
        ['AzureFunctionsJobHost__extensions__queues__batchSize', '8'],
      ]),
    )
    const options = readQueueOptions(readHostConfig(directory, settings))
    expect(options).toMatchObject({
      batchSize: 8,
      maxDequeueCount: 3,
      visibilityTimeout: 1000,
      messageEncoding: 'base64',
    })
  })

  test('whatever is in the two files, they are read or refused with a message', async () => {
    const json = fc
      .json({ maxDepth: 4 })
      .map(
        (text) =>
          `{ "version": "2.0", "extensions": ${text}, "logging": ${text}, "functionTimeout": ${text} }`,
      )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(json, fc.json(), fc.string(), fc.constant('['.repeat(5000))),
        async (content) => {
          await hostFile(content)
          await settingsFile(content)
          for (const read of [
            () => {
              const config = readHostConfig(directory, none)
              readQueueOptions(config)
              readHostOptions(config)
            },
            () => readSettings(directory, {}),
          ]) {
            try {
              read()
            } catch (error) {
              expect(error).toBeInstanceOf(ConfigurationError)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  // https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings
  test.each([
    ['00:01:00', 60_000],
    ['1.00:00:00', 86_400_000],
    ['7', 604_800_000],
    ['00:00:00.5', 500],
    ['-00:00:01', -1000],
    ['24:00:00', 24 * 86_400_000],
    ['30:10:20', 30 * 86_400_000 + 10 * 3_600_000 + 20 * 60_000],
    ['1:02:03:04.5', 93_784_500],
    ['23:59', 86_340_000],
    ['-1', -86_400_000],
    ['', undefined],
    ['24:00', undefined],
    ['00:00:60', undefined],
    ['00:60:00', undefined],
    ['1.24:00:00', undefined],
    ['99999999', undefined],
    ['1 minute', undefined],
    ['5.5', undefined],
    ['soon', undefined],
  ])('the time span %s is %p ms', (text, milliseconds) => {
    expect(parseTimeSpan(text)).toBe(milliseconds)
  })
})

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
describe('retry policies', () => {
  test('each attempt knows its count and the error before it', async () => {
    const seen: unknown[] = []
    const run = withRetries(
      (_event, context) => {
        seen.push(context)
        return Promise.resolve(
          seen.length < 3
            ? { ok: false, error: { message: `no ${seen.length}` } }
            : { ok: true, response: { invocationId: '' } },
        )
      },
      { retryStrategy: 'fixedDelay', maxRetryCount: 4, delayInterval: { seconds: 0 } },
      new AbortController().signal,
      () => undefined,
    )
    const event = { data: {}, metadata: {}, bindingData: () => ({}), reason: '' }
    expect(await run(event)).toMatchObject({ ok: true })
    expect(seen).toEqual([
      { retryCount: 0, maxRetryCount: 4 },
      { retryCount: 1, maxRetryCount: 4, exception: { message: 'no 1' } },
      { retryCount: 2, maxRetryCount: 4, exception: { message: 'no 2' } },
    ])
  })

  test('exponential delays grow from the shortest to the longest', () => {
    const policy = {
      retryStrategy: 'exponentialBackoff',
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 10 },
    } as const
    expect([1, 2, 3, 4, 5].map((retry) => retryDelay(policy, retry, 0.5))).toEqual([
      1000, 3000, 7000, 10_000, 10_000,
    ])
  })
})
