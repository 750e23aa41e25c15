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
