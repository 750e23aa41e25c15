import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readHostConfig, type HostConfig } from '../src/config/host-config.ts'
import { readHostOptions, type HostJsonOptions } from '../src/config/host-options.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { settingsOf } from '../src/config/settings.ts'
import { customHeaders, routePrefix, throttleLimits } from '../src/http/http-options.ts'
import { readMcpOptions } from '../src/mcp/options.ts'
import { readBlobOptions } from '../src/storage/blob-options.ts'
import { readQueueOptions } from '../src/storage/queue-options.ts'

describe('host.json', () => {
  let directory: string

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'func-local-host-json-'))
  })
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true })
  })
  const write = (content: string): Promise<void> => writeFile(path.join(directory, 'host.json'), content)
  const config = (environment: Readonly<Record<string, string>> = {}): HostConfig =>
    readHostConfig(directory, settingsOf(new Map(Object.entries(environment))))
  /** Everything that an app with queue, blob and MCP functions reads. */
  const read = (environment?: Readonly<Record<string, string>>): HostJsonOptions => {
    const read = config(environment)
    readQueueOptions(read)
    readBlobOptions(read)
    readMcpOptions(read)
    return readHostOptions(read)
  }
  const nested = (key: string, value: unknown): string => {
    const tree = key.split('.').reduceRight((inner: unknown, name) => ({ [name]: inner }), value)
    return JSON.stringify({ version: '2.0', ...(tree as object) })
  }
  const refusal = (environment?: Readonly<Record<string, string>>): string => {
    try {
      read(environment)
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError)
      return (error as Error).message
    }
    throw new Error('It was accepted.')
  }

  // The real host does not start with any of these: .NET converts each value, and the options' setters check it.
  const invalid: readonly (readonly [string, unknown])[] = [
    ...[0, 33, -1, 1.5, 'abc', '', null, true].map((v) => ['extensions.queues.batchSize', v] as const),
    ...[-1, 'x', null].map((v) => ['extensions.queues.newBatchThreshold', v] as const),
    ...[0, -1, 2.5, 'x', 2 ** 31].map((v) => ['extensions.queues.maxDequeueCount', v] as const),
    ...['1 minute', 'x', '', null, true].map((v) => ['extensions.queues.visibilityTimeout', v] as const),
    ...['00:00:00', '00:00:00.05', '-00:00:01', 'x'].map(
      (v) => ['extensions.queues.maxPollingInterval', v] as const,
    ),
    ...['base32', '', null, 7].map((v) => ['extensions.queues.messageEncoding', v] as const),
    ...[0, -1, 'x'].map((v) => ['extensions.blobs.maxDegreeOfParallelism', v] as const),
    ...[0, 'x'].map((v) => ['extensions.blobs.poisonBlobThreshold', v] as const),
    ...[0, '00:00:00', '00:00:00.5', '5 min', 5.5, '-2', true].map((v) => ['functionTimeout', v] as const),
    ...['Loud', 'Info', '-1', 1.5].map((v) => ['logging.logLevel.Function', v] as const),
    ['extensions.mcp.encryptClientState', 'sometimes'],
    ['extensions.mcp.messageOptions.useAbsoluteUriForEndpoint', 1],
    ['extensions.mcp.system.webhookAuthorizationLevel', 'Nobody'],
    ['logging.fileLoggingMode', 'sometimes'],
    ...['00:00:14', '00:01:01', 'x'].map((v) => ['singleton.lockPeriod', v] as const),
    ['singleton.lockAcquisitionPollingInterval', '00:00:00.4'],
    ...[0, 10_001, 'x'].map((v) => ['aggregator.batchSize', v] as const),
    ['aggregator.flushTimeout', '00:05:01'],
    ['retry', { strategy: 'fixedDelay', maxRetryCount: 2 }],
    ['retry', { strategy: 'fixedDelay', delayInterval: '00:00:01' }],
    ['retry', { maxRetryCount: 2, minimumInterval: '00:00:09', maximumInterval: '00:00:01' }],
    ['retry.strategy', 'sometimes'],
    ['fileWatchingEnabled', 'yes'],
    ['extensionBundle', { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: 'x' }],
    ['extensionBundle', { id: 'Microsoft.Azure.Functions.ExtensionBundle' }],
    ['extensionBundle', { version: '[4.*, 5.0.0)' }],
  ]

  test.each(invalid)(
    '%s: %j is refused in one line that names key, value and what it must be',
    async (key, value) => {
      await write(nested(key, value))
      const line = refusal()
      expect(line).not.toContain('\n')
      expect(line).toContain(`host.json: "${key.split('.')[0] ?? ''}`)
      expect(line).toMatch(/ is .+, but it must .+; correct it\.$/)
      if (typeof value !== 'object') expect(line).toContain(`"${key}" is ${JSON.stringify(value)}`)
    },
  )

  test.each(invalid.filter(([, value]) => typeof value === 'string' || typeof value === 'number'))(
    '%s: %j from the environment is refused, and the setting is named',
    async (key, value) => {
      await write('{ "version": "2.0" }')
      const setting = `AzureFunctionsJobHost__${key.replaceAll('.', '__')}`
      expect(refusal({ [setting]: String(value) })).toContain(
        `The setting ${setting} is '${String(value)}', but it must`,
      )
    },
  )

  test.each<readonly [string, unknown]>([
    ['extensions.queues.batchSize', '5'],
    ['extensions.queues.batchSize', ' 0x10 '],
    ['extensions.queues.batchSize', 4.0],
    ['extensions.queues.batchSize', {}],
    ['extensions.queues.newBatchThreshold', 0],
    ['extensions.queues.visibilityTimeout', 5],
    ['extensions.queues.visibilityTimeout', '-00:00:01'],
    ['extensions.queues.maxPollingInterval', 5000],
    ['extensions.queues.messageEncoding', 'BASE64'],
    ['extensions.queues.messageEncoding', 1],
    ['extensions.queues', null],
    ['extensions.mcp.serverVersion', 2],
    ['extensions.mcp.instructions', null],
    ['extensions.mcp.system.webhookAuthorizationLevel', 'function'],
    ['extensions.mcp.system', null],
    ['extensions', []],
    ['functionTimeout', '24:00:00'],
    ['functionTimeout', null],
    ['functionTimeout', -1],
    ['functionTimeout', '1.00:00:00'],
    ['logging.logLevel.Function', 4],
    ['logging.logLevel.Function', 'wArNiNg'],
    ['logging.logLevel.Function', null],
    ['logging', null],
    ['functions', null],
    ['functions', 'one'],
    ['retry', {}],
    ['healthMonitor.enabled', 'x'],
    ['nothing', 1],
    ['extensionBundle', { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' }],
  ])('%s: %j is accepted', async (key, value) => {
    await write(nested(key, value))
    expect(() => read()).not.toThrow()
  })

  test.each([
    ["{'version':'2.0', /* one */ functions: ['a'], // two\n}", ['a']],
    ['{"version":"2.0","functions":[]}', undefined],
    ['{"version":"2.0","functions":["a", 1]}', ['a', '1']],
    ['{}', undefined],
  ])('%s is read, and says which functions take part', async (content, functions) => {
    await write(content)
    expect(read().functions).toEqual(functions)
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp#hostjson-settings
  test('the section of MCP names the server; what it does not know is reported', async () => {
    const mcp = {
      serverName: 'Mine',
      serverVersion: 2,
      instructions: 'Ask.',
      encryptClientState: false,
      messageOptions: { useAbsoluteUriForEndpoint: 'TRUE', other: 1 },
      system: { webhookAuthorizationLevel: 'anonymous' },
      servername2: 'x',
    }
    await write(JSON.stringify({ version: '2.0', extensions: { mcp } }))
    const read = config()
    expect(readMcpOptions(read)).toEqual({
      serverName: 'Mine',
      serverVersion: '2',
      instructions: 'Ask.',
      usesAbsoluteUri: true,
      needsKey: false,
    })
    expect(readMcpOptions(read)).toBe(readMcpOptions(read))
    expect(read.problems).toEqual([
      'host.json: "extensions.mcp.servername2" is not a known setting; it is ignored. Did you mean "serverName"?',
      'host.json: "extensions.mcp.messageOptions.other" is not a known setting; it is ignored.',
    ])
    await write('{"version":"2.0"}')
    expect(readMcpOptions(config())).toEqual({
      serverName: 'Azure Functions MCP server',
      serverVersion: '1.0.0',
      instructions: undefined,
      usesAbsoluteUri: false,
      needsKey: true,
    })
  })

  test('one item of a list is overridden by its number', async () => {
    await write('{"version":"2.0","functions":["a","b"]}')
    expect(read({ AzureFunctionsJobHost__functions__1: 'c' }).functions).toEqual(['a', 'c'])
  })

  test.each(['{"version":"1.0"}', '{"version":null}', '{"Version":"2.0"}', '{"version":2}'])(
    '%s is not version 2.0 and is refused',
    async (content) => {
      await write(content)
      expect(() => config()).toThrow(/"version" .+, but it must be "2\.0"/)
    },
  )

  test('-1 is no timeout, 24:00:00 are 24 days, and nothing is half an hour', async () => {
    await write(nested('functionTimeout', '-1'))
    expect(read().functionTimeout).toBeUndefined()
    await write(nested('functionTimeout', '24:00:00'))
    expect(read().functionTimeout?.milliseconds).toBe(24 * 86_400_000)
    await write('{ "version": "2.0" }')
    expect(read().functionTimeout?.milliseconds).toBe(1_800_000)
  })

  test('retry is the policy of functions that have none of their own', async () => {
    await write(nested('retry', { strategy: 'fixedDelay', maxRetryCount: 2, delayInterval: '00:00:01' }))
    expect(read().retry).toEqual({
      retryStrategy: 'fixedDelay',
      maxRetryCount: 2,
      delayInterval: { seconds: 1 },
    })
  })

  test.each([
    ['v1/{tenant}', 'v1/{tenant}'],
    ['', ''],
    [null, ''],
    [1, '1'],
    [true, 'True'],
  ])('the route prefix %j is %j', async (value, expected) => {
    await write(nested('extensions.http.routePrefix', value))
    const read = config()
    expect(routePrefix(read)).toBe(expected)
    expect(read.problems).toEqual([])
  })

  test.each([[{}], [{ prefix: 'x' }], [['x']]])(
    'the route prefix %j has no effect, and that is said',
    async (value) => {
      await write(nested('extensions.http.routePrefix', value))
      const read = config()
      expect(routePrefix(read)).toBe('api')
      expect(read.problems).toEqual(['host.json: "extensions.http.routePrefix" must be text; it is ignored.'])
    },
  )

  test('limits and headers of HTTP are read, or have their defaults', async () => {
    await write('{ "version": "2.0" }')
    expect([customHeaders(config()), throttleLimits(config())]).toEqual([
      {},
      { concurrent: -1, outstanding: -1 },
    ])
    const http = {
      maxConcurrentRequests: 5,
      maxOutstandingRequests: '7',
      customHeaders: { 'X-A': 1 },
      hsts: { isEnabled: true },
    }
    await write(nested('extensions.http', http))
    const read = config()
    expect([customHeaders(read), throttleLimits(read), read.problems]).toEqual([
      { 'X-A': '1' },
      { concurrent: 5, outstanding: 7 },
      [],
    ])
  })

  test('levels are read for each category, nested ones too', async () => {
    const logLevel = {
      default: 'Error',
      Function: { a: 'debug', default: 1 },
      'Host.*': ' 99 ',
      'x:y': 'None',
      empty: '',
      none: null,
    }
    await write(nested('logging.logLevel', logLevel))
    expect([...read().logLevels]).toEqual([
      ['default', 'error'],
      ['Function:a', 'debug'],
      ['Function:default', 'debug'],
      ['Host.*', 'none'],
      ['x:y', 'none'],
    ])
    expect([...read({ logging__logLevel__default: 'Trace', logging__logLevel__Own__Part: 'Warning' }).logLevels]).toEqual(
      expect.arrayContaining([['default', 'trace'], ['Own:Part', 'warning']]),
    ) // prettier-ignore
  })

  test('a level that there is not, and a pattern of more than one star, are refused with what is allowed', async () => {
    await write(nested('logging.logLevel.Own', 'Loud'))
    expect(refusal()).toBe(
      'host.json: "logging.logLevel.Own" is "Loud", but it must be one of "Trace", "Debug", "Information", "Warning", "Error", "Critical", "None". The Functions host does not start with this value, in Azure neither; correct it.',
    )
    await write('{ "version": "2.0" }')
    expect(refusal({ logging__logLevel__Own__Part: 'Loud' })).toMatch(
      /^The setting logging__logLevel__Own__Part is 'Loud', but it must be one of /,
    )
    await write(nested('logging.logLevel', { 'a*b*c': 'Error' }))
    expect(refusal()).toMatch(
      /^host\.json: "logging\.logLevel\.a\*b\*c" is "Error", but it must have a category with one "\*" at most\./,
    )
    await write(nested('logging.logLevel', { 'a*b': 'Error' }))
    expect([...read().logLevels]).toEqual([['a*b', 'error']])
  })

  test('what else reloads the app is read, or has its defaults', async () => {
    await write('{ "version": "2.0" }')
    expect(read().watch).toEqual({ enabled: true, directories: [], files: [] })
    await write(
      '{ "version": "2.0", "watchDirectories": ["a", "b"], "watchFiles": ["c.txt"], "fileWatchingEnabled": false }',
    )
    expect(read().watch).toEqual({ enabled: false, directories: ['a', 'b'], files: ['c.txt'] })
  })

  test.each<readonly [string, unknown, string]>([
    ['functionTimeout', '00:00:00.999', 'must be a time span such as "00:05:00", at least 00:00:01, or "-1" for no limit'],
    ['retry', { strategy: 'fixedDelay', maxRetryCount: 2 }, 'must have "delayInterval"'],
    ['retry', { strategy: 'fixedDelay', delayInterval: '00:00:01' }, 'must have "maxRetryCount"'],
    ['retry', { maxRetryCount: 2, maximumInterval: '00:00:01' }, 'must have "minimumInterval"'],
    ['retry', { maxRetryCount: 2, minimumInterval: '00:00:01' }, 'must have "maximumInterval"'],
    ['retry', { maxRetryCount: 1, minimumInterval: '00:00:02', maximumInterval: '00:00:01' }, 'must have a "minimumInterval" below its "maximumInterval"'],
    ['retry', { maxRetryCount: -2 }, 'must be a whole number, at least -1'],
    ['retry', { delayInterval: '-00:00:01' }, 'must be a time span such as "00:01:00", at least 00:00:00'],
    ['singleton', { lockPeriod: '00:00:14.999' }, 'must be a time span such as "00:01:00", at least 00:00:15, at most 00:01:00'],
    ['singleton', { listenerLockPeriod: '00:01:00.001' }, 'must be a time span such as "00:01:00", at least 00:00:15, at most 00:01:00'],
    ['singleton', { lockAcquisitionTimeout: '00:00:00' }, 'must be a time span such as "00:01:00", at least 00:00:00.001'],
    ['singleton', { lockAcquisitionPollingInterval: '00:00:00.499' }, 'must be a time span such as "00:01:00", at least 00:00:00.500'],
    ['singleton', { listenerLockRecoveryPollingInterval: '00:00:14' }, 'must be a time span such as "00:01:00", at least 00:00:15'],
    ['aggregator', { batchSize: 10_001 }, 'must be a whole number from 1 to 10000'],
    ['aggregator', { flushTimeout: '00:05:00.001' }, 'must be a time span such as "00:01:00", at least 00:00:00.001, at most 00:05:00'],
    ['aggregator', { isEnabled: 'x' }, 'must be true or false'],
    ['logging', { fileLoggingMode: 'x' }, 'must be one of "never", "always", "debugOnly"'],
    ['extensionBundle', { version: '1.*' }, 'must have the "id" of a bundle, "Microsoft.Azure.Functions.ExtensionBundle" for example'],
    ['extensionBundle', { id: 'a b', version: '1.*' }, 'must have the "id" of a bundle, "Microsoft.Azure.Functions.ExtensionBundle" for example'],
    ['extensionBundle', { id: '-a', version: '1.*' }, 'must have the "id" of a bundle, "Microsoft.Azure.Functions.ExtensionBundle" for example'],
    ['extensionBundle', { id: 'a' }, 'must have a "version" range, "[4.*, 5.0.0)" for example'],
    ['extensionBundle', { id: 'a', version: '4.x' }, 'must have a "version" range, "[4.*, 5.0.0)" for example'],
  ])('%s: %j %s', async (section, value, what) => {
    await write(nested(section, value))
    expect(refusal()).toContain(`, but it ${what}. The Functions host`)
  }) // prettier-ignore

  test('the error of a bundle names the key that is wrong, or the section where one is missing', async () => {
    const shown = async (value: object): Promise<string> => {
      await write(nested('extensionBundle', value))
      return refusal().split(' is ')[0] ?? ''
    }
    expect(await shown({ id: '', version: '1.*' })).toBe('host.json: "extensionBundle"')
    expect(await shown({ id: 'a b', version: '1.*' })).toBe('host.json: "extensionBundle.id"')
    expect(await shown({ id: 'a' })).toBe('host.json: "extensionBundle"')
    expect(await shown({ id: 'a', version: 'x' })).toBe('host.json: "extensionBundle.version"')
  })

  test.each<readonly [string, unknown]>([
    ['functionTimeout', '00:00:01'],
    ['retry', { maxRetryCount: -1, minimumInterval: '00:00:01', maximumInterval: '00:00:01' }],
    ['singleton', { lockPeriod: '00:00:15', listenerLockPeriod: '00:01:00', lockAcquisitionTimeout: '00:00:00.001', lockAcquisitionPollingInterval: '00:00:00.5', listenerLockRecoveryPollingInterval: '00:00:15' }],
    ['aggregator', { batchSize: 10_000, flushTimeout: '00:05:00', isEnabled: true }],
    ['logging', { fileLoggingMode: 'debugonly', console: {}, applicationInsights: {}, logLevel: {} }],
    ['extensionBundle', { id: 'a.b-c_d', version: '*', ensureLatest: true }],
    ['extensionBundle', {}],
    ['extensions', { own: { a: 1 } }],
    ['watchFiles', []],
    ['$schema', 'x'],
  ])('%s: %j is accepted without a word', async (section, value) => {
    await write(nested(section, value))
    const read = config()
    readHostOptions(read)
    expect(read.problems).toEqual([])
  }) // prettier-ignore

  test('exponential back-off is the strategy where none is named', async () => {
    const intervals = { maxRetryCount: 3, minimumInterval: '00:00:01', maximumInterval: '00:00:02' }
    for (const strategy of [{}, { strategy: 'ExponentialBackoff' }]) {
      await write(nested('retry', { ...strategy, ...intervals }))
      expect(read().retry).toEqual({
        retryStrategy: 'exponentialBackoff',
        maxRetryCount: 3,
        minimumInterval: { seconds: 1 },
        maximumInterval: { seconds: 2 },
      })
    }
  })

  test.each([
    ['{}', 'problem', / is empty and counts as \{ "version": "2\.0" \}\. Write that into it\.$/],
    ['{"a":1}', 'error', /"version" is missing, but it must be "2\.0", whatever the version of the Functions runtime/],
    ['{"version":""}', 'error', /"version" is missing/],
    ['{"version":3}', 'error', /"version" is 3, but/],
    ['{"version":"2.0","extensions":{"queues":5}}', 'problem', /^host\.json: "extensions\.queues" must be an object; it is ignored\.$/],
    ['{"version":"2.0","extensions":{"queues":[]}}', 'problem', /^host\.json: "extensions\.queues" must be an object; it is ignored\.$/],
  ])('%s is a %s: %s', async (content, kind, message) => {
    await write(content)
    if (kind === 'error') expect(refusal()).toMatch(message)
    else {
      const read = config()
      readQueueOptions(read)
      readQueueOptions(read)
      expect(read.problems).toEqual([expect.stringMatching(message)])
    }
  }) // prettier-ignore

  test('a key of any case is overridden by a setting of any case; a new one is added; a prototype is none', async () => {
    await write(
      '{ "version": "2.0", "Extensions": { "QUEUES": { "BatchSize": 4 } }, "functions": ["a", { "b": 1 }] }',
    )
    const overridden = config({
      azurefunctionsjobhost__extensions__queues__batchsize: '8',
      AzureFunctionsJobHost__extensions__queues__newBatchThreshold: '9',
      AzureFunctionsJobHost__extensions____proto____polluted: 'x',
      AzureFunctionsJobHost__functions__1: 'c',
    })
    expect(readQueueOptions(overridden)).toMatchObject({ batchSize: 8, newBatchThreshold: 9 })
    expect(overridden.list('functions')).toEqual(['a', 'c'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(overridden.raw('extensions.none.deeper')).toBeUndefined()
    expect(overridden.list('version')).toEqual([])
  })

  test('the error for an overridden value names the setting of that very key', async () => {
    await write('{ "version": "2.0", "extensions": { "queues": { "batchSize": 99 } } }')
    expect(
      refusal({
        AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '3',
        AzureFunctionsJobHost__extensions__http__batchSize: '4',
      }),
    ).toMatch(/^host\.json: "extensions\.queues\.batchSize" is 99, but/)
  })

  test('what has no effect is one line each, with a hint where a name is misspelt', async () => {
    await write(
      JSON.stringify({
        version: '2.0',
        functionTimeuot: '00:01:00',
        http: { routePrefix: 'x' },
        extensions: {
          queue: { batchSize: 1 },
          queues: { batchSise: 1, visibilityTimeout: {} },
          serviceBus: {},
        },
        logging: { logLevels: {} },
      }),
    )
    const read = config()
    readQueueOptions(read)
    readHostOptions(read)
    expect(read.problems).toEqual([
      'host.json: "extensions.queues.batchSise" is not a known setting; it is ignored. Did you mean "batchSize"?',
      'host.json: "extensions.queues.visibilityTimeout" must be a time span such as "00:01:00"; it is ignored.',
      'host.json: "functionTimeuot" is not a setting of the Functions host; it is ignored. Did you mean "functionTimeout"?',
      'host.json: "http" belongs under "extensions"; here it is ignored.',
      'host.json: "extensions.queue" is not a known section; it is ignored. Did you mean "queues"?',
      'host.json: "logging.logLevels" is not a known setting; it is ignored.',
    ])
  })
})
