import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readHostConfig, type HostConfig } from '../src/config/host-config.ts'
import { readHostOptions, type HostJsonOptions } from '../src/config/host-options.ts'
import { ConfigurationError } from '../src/config/json-file.ts'
import { settingsOf } from '../src/config/settings.ts'
import { routePrefix } from '../src/http/http-options.ts'
import { readBlobOptions } from '../src/storage/blob-options.ts'
import { readQueueOptions } from '../src/storage/queue-options.ts'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools, spawnHost, startHost } from './harness/host.ts'

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
  /** Everything that an app with queue and blob functions reads. */
  const read = (environment?: Readonly<Record<string, string>>): HostJsonOptions => {
    const read = config(environment)
    readQueueOptions(read)
    readBlobOptions(read)
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
