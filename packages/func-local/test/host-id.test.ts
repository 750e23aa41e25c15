import { describe, expect, test } from '@jest/globals'
import { hostname } from 'node:os'
import type { HostConfig } from '../src/config/host-config.ts'
import { settingsOf } from '../src/config/settings.ts'
import { hostIdOf } from '../src/host-id.ts'

const config = (appDirectory: string, id?: unknown): Pick<HostConfig, 'appDirectory' | 'raw'> => ({
  appDirectory,
  raw: (name) => (name === 'id' ? id : undefined),
})
const none = settingsOf(new Map())
const machine = hostname().replace(/[^\p{L}\p{Nd}]/gu, '')

// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.WebHost/ScriptHostIdProvider.cs
describe('the id of a host', () => {
  test('is set, by the setting before host.json', () => {
    const settings = settingsOf(new Map([['AzureFunctionsWebHost__hostId', 'Own']]))
    expect(hostIdOf(settings, config('/app', 'file'))).toBe('Own')
    expect(hostIdOf(none, config('/app', 'file'))).toBe('file')
  })

  test.each<[string, string]>([
    ['', '23'],
    ['a', '810'],
    ['ab', '25208'],
    // Beyond 32 bits, and below zero.
    ['/home/me/app', String(hashOf('/home/me/app'))],
    ['/home/me/other', String(hashOf('/home/me/other'))],
  ])('of the folder %j is made of the machine and the hash %s', (folder, hash) => {
    const expected = `${machine}-${hash}`.slice(0, 32).toLowerCase().replace(/-+$/, '')
    for (const id of [undefined, '', 5]) expect(hostIdOf(none, config(folder, id))).toBe(expected)
  })

  test('is one that storage takes for a name', () => {
    expect(hostIdOf(none, config('/home/me/app'))).toMatch(/^[\p{Ll}\p{Lo}\d-]{1,32}$/u)
  })
})

/** The hash with whole numbers of any size, cut to 32 bits in the end. */
function hashOf(text: string): bigint {
  const hash = Array.from(text, (char) => BigInt(char.charCodeAt(0))).reduce(
    (sum, code) => BigInt.asIntN(32, sum * 31n + code),
    23n,
  )
  return hash < 0n ? -hash : hash
}
