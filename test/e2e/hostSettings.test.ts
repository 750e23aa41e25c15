import { once } from 'node:events'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { QueueServiceClient } from '@azure/storage-queue'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'
import { FUNC_LOCAL, spawnHost } from 'testkit/hostProcess'
import { hostSettings, SettingsFileError, storageSettings } from '../../scripts/settings.ts'
import { storageConnection } from '../../src/storage/connection.ts'

// What the host makes of settings and host.json, seen from inside an app that it runs, against what this project's own
// code makes of them.

const ROOT = path.join(import.meta.dirname, '../..')

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'host-settings-'))
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  await writeFile(path.join(folder, 'package.json'), '{"main":"index.mjs","type":"module"}')
  await writeFile(path.join(folder, 'host.json'), '{"version":"2.0"}')
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

/** Runs func-local on the folder until what it prints matches, or until it ends. Undefined if it ended first. */
async function outputOfHost(
  pattern: RegExp,
  environment: Readonly<Record<string, string>> = {},
): Promise<RegExpExecArray | undefined> {
  const child = spawnHost({ folder, port: await freePort(), environment, host: FUNC_LOCAL })
  let printed = ''
  const ended = once(child, 'exit')
  await Promise.race([
    ended,
    new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          printed += text
          if (pattern.test(printed)) resolve()
        })
      }
    }),
  ])
  child.kill('SIGINT')
  await ended
  return pattern.exec(printed) ?? undefined
}

describe('local.settings.json', () => {
  const values = '"FUNCTIONS_WORKER_RUNTIME":"node","AzureWebJobsStorage":"UseDevelopmentStorage=true"'
  const files: Readonly<Record<string, string | Buffer>> = {
    'as it is copied': `{"IsEncrypted":false,"Values":{${values}}}`,
    'with comments': `// mine\n{"IsEncrypted":false,/* all */"Values":{${values}}}`,
    'with trailing commas': `{"IsEncrypted":false,"Values":{${values},},}`,
    'with null, numbers and booleans': `{"IsEncrypted":false,"Values":{${values},"A":null,"B":5,"C":true,"D":1e21}}`,
    'with a byte order mark': `\uFEFF{"IsEncrypted":false,"Values":{${values}}}`,
    'with IsEncrypted as text': `{"IsEncrypted":"false","Values":{${values}}}`,
    'with IsEncrypted as text, true': `{"IsEncrypted":"true","Values":{${values}}}`,
    'without IsEncrypted': `{"Values":{${values}}}`,
    'without IsEncrypted and values': '{}',
    encrypted: `{"IsEncrypted":true,"Values":{${values}}}`,
    'with keys in another case': `{"isencrypted":false,"VALUES":{${values}}}`,
    'with names in another case': `{"IsEncrypted":false,"Values":{"functions_worker_runtime":"node","AZUREWEBJOBSSTORAGE":"UseDevelopmentStorage=true"}}`,
    'with settings outside Values': `{"IsEncrypted":false,${values}}`,
    'with connection strings': `{"IsEncrypted":false,"Values":{"FUNCTIONS_WORKER_RUNTIME":"node"},"ConnectionStrings":{"AzureWebJobsStorage":"UseDevelopmentStorage=true"}}`,
    'with nested values': `{"IsEncrypted":false,"Values":{${values},"A":{"B":"c"}}}`,
    'with values that are a list': '{"IsEncrypted":false,"Values":[]}',
    'that is a list': '[]',
    'that is null': 'null',
    'that is empty': '',
    'that is cut off': `{"IsEncrypted":false,"Values":{${values}`,
    'in another encoding': Buffer.from(`{"IsEncrypted":false,"Values":{${values}}}`, 'utf16le'),
  }

  const usable = [
    ...['as it is copied', 'with comments', 'with trailing commas', 'with null, numbers and booleans'],
    ...['with a byte order mark', 'with IsEncrypted as text', 'with names in another case'],
    ...['with connection strings'],
  ]
  const useless = ['encrypted', 'that is a list', 'that is null', 'that is cut off', 'without IsEncrypted']

  it.each(Object.entries(files))(
    '%s: the scripts accept and read what the host does',
    async (name, content) => {
      await writeFile(path.join(folder, 'local.settings.json'), content)
      await writeFile(
        path.join(folder, 'index.mjs'),
        `import '@azure/functions'\nconsole.log('SEEN ' + JSON.stringify(process.env) + ' END')`,
      )
      // Nothing of this machine's own.
      const environment = { AzureWebJobsStorage: '', FUNCTIONS_WORKER_RUNTIME: '' }
      const [, seen] = (await outputOfHost(/SEEN (.*) END/, environment)) ?? []
      if (usable.includes(name)) expect(seen).toBeDefined()
      if (useless.includes(name)) expect(seen).toBeUndefined()
      if (seen === undefined) {
        await expect(hostSettings(folder, environment)).rejects.toThrow(SettingsFileError)
        await expect(storageSettings(folder, environment)).rejects.toThrow(SettingsFileError)
      } else {
        const app = JSON.parse(seen) as NodeJS.ProcessEnv
        const scripts = await storageSettings(folder, environment)
        expect(app).toMatchObject(
          // An empty runtime is filled by the host itself.
          Object.fromEntries(Object.entries(scripts).filter(([name]) => name !== 'FUNCTIONS_WORKER_RUNTIME')),
        )
        expect(connectionOf(scripts)).toStrictEqual(connectionOf(app))
      }
    },
  )

  function connectionOf(environment: NodeJS.ProcessEnv): unknown {
    try {
      return storageConnection(environment)
    } catch (error) {
      return (error as Error).name
    }
  }
})

describe('maxDequeueCount', () => {
  let azurite: Azurite

  beforeAll(async () => {
    azurite = await startAzurite({})
  })

  afterAll(async () => {
    await azurite.stop()
  })

  /** How often the host delivers a message that always fails, and what the app takes for that number. */
  async function counts(
    hostJson: unknown,
    environment: Readonly<Record<string, string>>,
  ): Promise<{ readonly host: number; readonly app: number } | undefined> {
    const queue = `q${path
      .basename(folder)
      .toLowerCase()
      .replaceAll(/[^a-z0-9]/g, '')}`
    const poison = QueueServiceClient.fromConnectionString(azurite.connectionString)
    await poison.createQueue(queue)
    await poison.createQueue(`${queue}-poison`)
    await poison.getQueueClient(queue).sendMessage(Buffer.from('x').toString('base64'))
    await writeFile(path.join(folder, 'host.json'), JSON.stringify(hostJson))
    await writeFile(
      path.join(folder, 'index.mjs'),
      `import { app } from '@azure/functions'
       import { readFileSync } from 'node:fs'
       import { maxDequeueCount } from ${JSON.stringify(path.join(ROOT, 'src/functions/maxDequeueCount.ts'))}
       const count = maxDequeueCount(process.env, JSON.parse(readFileSync('host.json', 'utf8')))
       app.storageQueue('fails', {
         queueName: ${JSON.stringify(queue)},
         connection: 'AzureWebJobsStorage',
         handler: (_, { triggerMetadata }) => {
           console.log('DELIVERY ' + triggerMetadata.dequeueCount + ' of ' + count + ' END')
           throw new Error('as always')
         },
       })
       app.storageQueue('poison', {
         queueName: ${JSON.stringify(`${queue}-poison`)},
         connection: 'AzureWebJobsStorage',
         handler: () => console.log('POISONED'),
       })`,
    )
    const match = await outputOfHost(/[^]*DELIVERY (\d+) of (\d+) END[^]*POISONED/, {
      AzureWebJobsStorage: azurite.connectionString,
      ...environment,
    })
    return match === undefined ? undefined : { host: Number(match[1]), app: Number(match[2]) }
  }

  const queues = (settings: unknown) => ({ version: '2.0', extensions: { queues: settings } })
  const FILE = { maxDequeueCount: 4 }

  it.each([
    ['the default', {}, {}, 5],
    ['host.json', FILE, {}, 4],
    ['host.json, as text', { maxDequeueCount: ' 4 ' }, {}, 4],
    ['host.json, in another case', { MAXDEQUEUECOUNT: 4 }, {}, 4],
    ['__', FILE, { AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '2' }, 2],
    [':', FILE, { 'AzureFunctionsJobHost:extensions:queues:maxDequeueCount': '2' }, 2],
    ['both', FILE, { 'AzureFunctionsJobHost__extensions:queues__maxDequeueCount': '2' }, 2],
    ['another case', FILE, { AZUREFUNCTIONSJOBHOST__EXTENSIONS__QUEUES__MAXDEQUEUECOUNT: '2' }, 2],
    ['another case and both', FILE, { 'azurefunctionsjobhost:Extensions__Queues:maxdequeuecount': ' 2' }, 2],
  ] as const)('%s: host and app agree', async (_, settings, environment, expected) => {
    expect(await counts(queues(settings), environment)).toStrictEqual({ host: expected, app: expected })
  })

  test('of the file of settings: host and app agree', async () => {
    await writeFile(
      path.join(folder, 'local.settings.json'),
      JSON.stringify({
        IsEncrypted: false,
        Values: { 'azureFunctionsJobHost:extensions:queues:maxDequeueCount': 2 },
      }),
    )
    expect(await counts(queues(FILE), {})).toStrictEqual({ host: 2, app: 2 })
  })

  // Which of them the real host takes is not defined.
  test('two spellings: the app takes the smaller value, and so misses no last delivery', async () => {
    const found = await counts(queues(FILE), {
      AzureFunctionsJobHost__extensions__queues__maxDequeueCount: '3',
      'AzureFunctionsJobHost:extensions:queues:maxDequeueCount': '2',
    })
    expect(found?.app).toBe(2)
    expect([2, 3]).toContain(found?.host)
  })

  it.each(['', '0', '-1', '1.5', 'many', '0x2', '2,5'])(
    'an invalid value (%j): the host does not start, or they agree',
    async (value) => {
      const found = await counts(queues({}), {
        AzureFunctionsJobHost__extensions__queues__maxDequeueCount: value,
      })
      if (found !== undefined) expect(found.app).toBe(found.host)
    },
  )

  test('keys of host.json on the way to it may be in any case', async () => {
    const hostJson = { version: '2.0', Extensions: { QUEUES: { MaxDequeueCount: 2 } } }
    expect(await counts(hostJson, {})).toStrictEqual({ host: 2, app: 2 })
  })
})
