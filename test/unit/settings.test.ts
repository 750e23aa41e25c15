import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals'
import {
  ensureSettingsFile,
  hostSettings,
  SettingsFileError,
  storageSettings,
} from '../../scripts/settings.ts'

// What the file may look like is held against a host in test/e2e/hostSettings.test.ts.

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'settings-'))
  file = path.join(folder, 'local.settings.json')
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const EMULATOR = 'UseDevelopmentStorage=true'

describe('the settings for a tool', () => {
  it('are the environment and, where that has no value, the file', async () => {
    await writeFile(file, JSON.stringify({ IsEncrypted: false, Values: { A: 'file', B: 'file', C: 'file' } }))
    expect(await storageSettings(folder, { A: 'environment', B: '' })).toStrictEqual({
      A: 'environment',
      B: 'file',
      C: 'file',
    })
  })

  it('are the environment alone without a file', async () => {
    expect(await storageSettings(folder, { A: 'a' })).toStrictEqual({ A: 'a' })
  })

  it.each([
    ['AzureWebJobsStorage', 'AzureWebJobsStorage__accountName'],
    ['AzureWebJobsStorage', 'AzureWebJobsStorage:queueServiceUri'],
    ['azurewebjobsstorage', 'AZUREWEBJOBSSTORAGE__ACCOUNTNAME'],
  ])(
    'leave out the connection string %s of the file when the environment has %s',
    async (string, identity) => {
      await writeFile(file, JSON.stringify({ IsEncrypted: false, Values: { [string]: EMULATOR, A: 'a' } }))
      expect(await storageSettings(folder, { [identity]: 'shop' })).toStrictEqual({
        [identity]: 'shop',
        A: 'a',
      })
      expect((await hostSettings(folder, { [identity]: 'shop' })).get('AzureWebJobsStorage')).toBe(EMULATOR)
    },
  )

  it('leave out a connection string in ConnectionStrings, too', async () => {
    const content = { IsEncrypted: false, ConnectionStrings: { AzureWebJobsStorage: EMULATOR } }
    await writeFile(file, JSON.stringify(content))
    const identity = { AzureWebJobsStorage__accountName: 'shop' }
    expect(await storageSettings(folder, identity)).toStrictEqual(identity)
  })

  it('leave out the one for Cosmos DB when the environment has an identity for it, and no other', async () => {
    const Values = {
      AzureWebJobsStorage: EMULATOR,
      CosmosDb: 'AccountEndpoint=http://127.0.0.1/;AccountKey=a',
    }
    await writeFile(file, JSON.stringify({ IsEncrypted: false, Values }))
    const identity = { CosmosDb__accountEndpoint: 'https://shop.documents.azure.com/' }
    expect(await storageSettings(folder, identity)).toStrictEqual({
      ...identity,
      AzureWebJobsStorage: EMULATOR,
    })
  })

  it('keep a connection string of the environment, and the one of the file when the identity is empty', async () => {
    await writeFile(file, JSON.stringify({ IsEncrypted: false, Values: { AzureWebJobsStorage: EMULATOR } }))
    const both = { AzureWebJobsStorage: 'mine', AzureWebJobsStorage__accountName: 'shop' }
    expect(await storageSettings(folder, both)).toStrictEqual(both)
    expect(await storageSettings(folder, { AzureWebJobsStorage__accountName: '' })).toMatchObject({
      AzureWebJobsStorage: EMULATOR,
    })
  })

  it('name the port of the host', async () => {
    await writeFile(file, JSON.stringify({ IsEncrypted: false, Host: { LocalHttpPort: 7199 } }))
    expect((await hostSettings(folder, {})).localHttpPort).toBe(7199)
  })
})

test('a file that the host refuses: the error names it and says what to do', async () => {
  await writeFile(file, '{"Values":')
  const error: unknown = await storageSettings(folder, {}).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SettingsFileError)
  expect(String(error)).toContain(file)
  expect(String(error)).toMatch(/If you delete the file, "npm start" creates it again/)
})

test('a folder in its place is named, too', async () => {
  await mkdir(file)
  expect(await ensureSettingsFile(folder)).toBe(false)
  await expect(hostSettings(folder, {})).rejects.toThrow(SettingsFileError)
})

test('the example is copied once', async () => {
  expect(await ensureSettingsFile(folder)).toBe(true)
  expect(await readFile(file, 'utf8')).toMatch(EMULATOR)
  await writeFile(file, 'mine')
  expect(await ensureSettingsFile(folder)).toBe(false)
  expect(await readFile(file, 'utf8')).toBe('mine')
})

test('a file that cannot be created: the error names it and says what to do', async () => {
  await expect(ensureSettingsFile(path.join(folder, 'missing'))).rejects.toThrow(
    /missing.local\.settings\.json cannot be created \(ENOENT\)\. Make the folder writable/,
  )
})
