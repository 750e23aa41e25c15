import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readConfiguration } from '../src/config/configuration.ts'
import { readHostConfig } from '../src/config/host-config.ts'
import { readHostOptions } from '../src/config/host-options.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { readSettings, settingsOf } from '../src/config/settings.ts'
import { parseTimeSpan } from '../src/config/time-span.ts'
import { timeZoneOf } from '../src/config/time-zone.ts'
import { readSettings as readAppSettings, SettingsError } from '../src/settings.ts'
import { retryDelay, withRetries } from '../src/host/retry.ts'
import { secretsOf } from '../src/host/secrets.ts'
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

  describe('.env', () => {
    const dotEnv = (content: string): Promise<void> => writeFile(path.join(directory, '.env'), content)

    afterAll(() => rm(path.join(directory, '.env'), { recursive: true, force: true }))

    test('fills what neither the environment nor local.settings.json has', async () => {
      await settingsFile('{ "IsEncrypted": false, "Values": { "A": "local", "B": "local", "EMPTY": "" } }')
      await dotEnv('\uFEFFA=dot\nB=dot\nC=dot\nEMPTY=dot\n# D=no\nexport E="two\nlines" # why\n')
      const { settings, problems } = readSettings(directory, { A: 'env' })
      expect(['A', 'B', 'C', 'EMPTY', 'D', 'E'].map((name) => settings.get(name))).toEqual([
        ...['env', 'local', 'dot', 'dot', undefined, 'two\nlines'],
      ])
      expect(problems).toEqual([
        'local.settings.json: "A" is not used, because the environment variable of that name is set. Unset it to use the file\'s value.',
        '.env: "A" is not used, because the environment variable of that name is set. Unset it to use the file\'s value.',
        '.env: "B" is not used, because local.settings.json has a value of its own for it.',
      ])
    })

    test('is told apart from local.settings.json where an environment variable is there and empty', async () => {
      await settingsFile('{ "IsEncrypted": false, "Values": { "X": "local" } }')
      await dotEnv('X=dot\n')
      const { settings, problems } = readSettings(directory, { X: '' })
      expect(settings.get('X')).toBe('local')
      expect(problems).toEqual([
        '.env: "X" is not used, because local.settings.json has a value of its own for it.',
      ])
    })

    test('counts for every spelling of a name, and is enough without local.settings.json', async () => {
      await rm(path.join(directory, 'local.settings.json'), { force: true })
      await dotEnv('AzureWebJobsMy__accountName=mine\n')
      const { settings, problems } = readSettings(directory, { AZUREWEBJOBSMY__ACCOUNTNAME: 'theirs' })
      expect(settings.get('AzureWebJobsMy:accountName')).toBe('theirs')
      expect(settings.environment['AzureWebJobsMy__accountName']).toBe('theirs')
      expect(problems).toEqual([expect.stringContaining("'AZUREWEBJOBSMY__ACCOUNTNAME'")])
      expect(readSettings(directory, {}).settings.get('azurewebjobsmy__accountname')).toBe('mine')
    })

    test('its secrets are hidden like those of local.settings.json', async () => {
      await dotEnv('STORE=AccountName=a;AccountKey=c2VjcmV0LXNlY3JldA==\nFUNC_LOCAL_KEY=a-key-of-mine\n')
      expect(secretsOf(readSettings(directory, {}).settings)).toEqual([
        'c2VjcmV0LXNlY3JldA==',
        'a-key-of-mine',
      ])
    })

    test('a NUL character in it is refused in one line', async () => {
      await dotEnv('MY=a\0b\n')
      expect(() => readSettings(directory, {})).toThrow(/\.env: MY holds a NUL character/)
    })

    test('a folder of that name is not the file', async () => {
      await rm(path.join(directory, '.env'), { force: true })
      await mkdir(path.join(directory, '.env'))
      expect(readSettings(directory, {}).problems).toEqual([])
    })
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
      'local.settings.json: a setting without a name in "Values" is ignored.',
      'local.settings.json: "A=B" is ignored: the name of an environment variable cannot hold "=".',
      'local.settings.json: "MY" is not used, because the environment variable of that name is set. Unset it to use the file\'s value.',
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

  test('the two files are read together, with the problems of both', async () => {
    await hostFile('{ "version": "2.0", "functionTimeout": "00:01:00" }')
    await settingsFile(
      '{ "IsEncrypted": false, "Values": { "FUNCTIONS_WORKER_RUNTIME": "Node", "WEBSITE_TIME_ZONE": "W. Europe Standard Time", "NUL": null }, "Host": { "CORS": "*" } }',
    )
    const read = readConfiguration(directory, { TZ: 'Asia/Tokyo' })
    expect([read.local, read.timeZone, read.hostConfig.appDirectory]).toEqual([
      { CORS: '*' },
      'Asia/Tokyo',
      directory,
    ])
    expect(read.hostOptions.functionTimeout?.milliseconds).toBe(60_000)
    expect(read.settings.get('TZ')).toBe('Asia/Tokyo')
    expect(read.problems).toEqual([
      'local.settings.json: "NUL" is null and is not set. Use "" for an empty text.',
      "WEBSITE_TIME_ZONE is 'W. Europe Standard Time', which is not an IANA time zone ('Europe/Berlin' for example); the time zone is TZ, 'Asia/Tokyo'.",
    ])
    expect(readConfiguration(directory, { WEBSITE_TIME_ZONE: 'Europe/Berlin' })).toMatchObject({
      timeZone: 'Europe/Berlin',
      problems: [
        expect.stringContaining('"NUL"'),
        expect.stringContaining('"WEBSITE_TIME_ZONE" is not used'),
      ],
    })
  })

  test.each(['dotnet-isolated', 'python', 'nodejs'])(
    'an app of the runtime %s is refused',
    async (runtime) => {
      await hostFile('{ "version": "2.0" }')
      await settingsFile('{}')
      const read = (name: string) => () => readConfiguration(directory, { FUNCTIONS_WORKER_RUNTIME: name })
      expect(read(runtime)).toThrow(ConfigurationError)
      expect(read(runtime)).toThrow(
        `FUNCTIONS_WORKER_RUNTIME is '${runtime}', and func-local runs Node.js apps only. Set it to 'node', or use Core Tools for this app.`,
      )
      for (const name of ['NODE', '']) expect(read(name)).not.toThrow()
      expect(() => readConfiguration(directory, {})).not.toThrow()
    },
  )

  test('without a time zone it is the one of the machine', () => {
    const zone = (values: Record<string, string>): unknown =>
      timeZoneOf(settingsOf(new Map(Object.entries(values))))
    expect(zone({})).toEqual({ name: undefined, problem: undefined })
    expect(zone({ WEBSITE_TIME_ZONE: '', TZ: '' })).toEqual({ name: undefined, problem: undefined })
    expect(zone({ WEBSITE_TIME_ZONE: 'Mars' })).toEqual({
      name: undefined,
      problem: expect.stringMatching(/; the time zone is this machine's\.$/),
    })
  })

  test.each([
    ['{ "IsEncrypted": true, "Values": { "A": "x" } }', 'true'],
    ['{ "Values": { "A": "x" } }', 'missing, which means true'],
    ['{ "ConnectionStrings": { "A": "x" } }', 'missing, which means true'],
    ['{ "Values": { "A": "x" }, "ConnectionStrings": { "B": "y" } }', 'missing, which means true'],
  ])('%s is encrypted: the line says why, and what to do', async (content, what) => {
    await settingsFile(content)
    const file = path.join(directory, 'local.settings.json')
    expect(() => readSettings(directory, {})).toThrow(
      `${file} is encrypted ("IsEncrypted" is ${what}), and only Core Tools on the machine that encrypted it can read it. Run "func settings decrypt" there, or write the values in plain text with "IsEncrypted": false.`,
    )
  })

  test('sections and the keys of Host have any case; a schema is no setting', async () => {
    await settingsFile(
      '{ "$schema": "x", "isencrypted": false, "VALUES": { "A": "1" }, "connectionstrings": { "Sql": { "ConnectionString": "s" }, "": "t" }, "host": { "cors": "*", "localhttpport": "7100", "CORScredentials": true } }',
    )
    const { settings, host, problems } = readSettings(directory, { UNSET: undefined })
    expect([settings.get('A'), settings.get('connectionstrings__sql')]).toEqual(['1', 's'])
    expect(host).toEqual({ CORS: '*', LocalHttpPort: 7100, CORSCredentials: true })
    expect(settings.environment).not.toHaveProperty('UNSET')
    expect(problems).toEqual([
      'local.settings.json: a setting without a name in "ConnectionStrings" is ignored.',
    ])
  })

  test('a folder without host.json is no app', async () => {
    const empty = await mkdtemp(path.join(directory, 'empty-'))
    expect(() => readHostConfig(empty, none)).toThrow(ConfigurationError)
    expect(() => readHostConfig(empty, none)).toThrow(
      `There is no host.json in ${empty}. Start in the folder of a function app, or name it with --script-root.`,
    )
    expect(readSettings(empty, { A: '1' })).toMatchObject({ host: {}, problems: [] })
  })

  test('tools beside the host read the same settings, and have an error of their own', async () => {
    await settingsFile(
      '{ "IsEncrypted": false, "Values": { "My__Key": "v" }, "Host": { "LocalHttpPort": 7100 } }',
    )
    const settings = readAppSettings(directory, { OTHER: 'o' })
    expect([settings.get('my:key'), settings.localHttpPort, settings.environment]).toEqual([
      'v', 7100, { OTHER: 'o', My__Key: 'v' },
    ]) // prettier-ignore
    await settingsFile('[]')
    expect(() => readAppSettings(directory, {})).toThrow(SettingsError)
    expect(() => readAppSettings(directory, {})).toThrow(
      expect.objectContaining({
        name: 'SettingsError',
        message: expect.stringContaining('must hold a JSON object') as unknown,
        cause: expect.any(ConfigurationError) as unknown,
      }),
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
    ['23:59:59', 86_399_000],
    ['5.1:2', 5 * 86_400_000 + 3_720_000],
    ['10675199', 10_675_199 * 86_400_000],
    ['1:0:0:0', 86_400_000],
    [' 00:00:01 ', 1000],
    ['00:00:01.0000005', 1000.0005],
    ['-1', -86_400_000],
    ['', undefined],
    ['24:00', undefined],
    ['24:00:00.5', undefined],
    ['10675200', undefined],
    ['1:24:0:0', undefined],
    ['0:0:60:0', undefined],
    ['00:00:00.12345678', undefined],
    ['--1', undefined],
    ['x', undefined],
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
