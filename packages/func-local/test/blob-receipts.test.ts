import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import {
  createBlobReceipts,
  versionKey,
  type BlobReceipts,
  type Claim,
  type Receipt,
} from '../src/triggers/blob-receipts.ts'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { startProxy, type RecordingProxy } from './harness/recording-proxy.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-receipts
describe('blob receipts', () => {
  let azurite: Azurite
  let proxy: RecordingProxy
  let service: BlobServiceClient
  let clock: FakeClock
  let receipts: BlobReceipts
  let other: BlobReceipts
  let serial = 0

  beforeAll(async () => {
    azurite = await startAzurite()
    const [, port = ''] = /BlobEndpoint=http:\/\/127\.0\.0\.1:(\d+)/.exec(azurite.connectionString) ?? []
    proxy = await startProxy(Number(port))
    service = BlobServiceClient.fromConnectionString(
      azurite.connectionString.replace(`:${port}/`, `:${proxy.port}/`),
    )
    clock = createFakeClock()
    const open = (): Promise<BlobServiceClient> => Promise.resolve(service)
    receipts = createBlobReceipts(open, 'host', 'fn', clock)
    other = createBlobReceipts(open, 'host', 'fn', clock)
  })
  afterAll(async () => {
    await proxy.stop()
    await azurite.stop()
  })

  const version = (): { container: string; name: string; etag: string } => {
    serial += 1
    return { container: 'box', name: `dir/blob ${serial}`, etag: '"0x1"' }
  }
  const leaseCalls = (action: string): number =>
    proxy.requests.filter(({ headers }) => headers['x-ms-lease-action'] === action).length

  test('a version is claimed by one host at a time, and never again when it is completed', async () => {
    const one = version()
    const receipt = claimed(await receipts.claim(one))
    expect(receipt.attempts()).toBe(0)
    expect(await receipt.beginAttempt()).toBe(1)
    expect(await other.claim(one)).toEqual({ state: 'busy' })
    await receipt.complete()
    expect(await other.claim(one)).toEqual({ state: 'completed' })
    expect(await receipts.completed()).toEqual(new Set([versionKey(one)]))
  })

  test('the lease is renewed while the function runs, and released with the receipt', async () => {
    const receipt = claimed(await receipts.claim(version()))
    const before = leaseCalls('renew')
    await clock.advance(30_000)
    await until(() => leaseCalls('renew') - before >= 2)
    const released = leaseCalls('release')
    await receipt.complete()
    expect(leaseCalls('release')).toBe(released + 1)
    const renewed = leaseCalls('renew')
    await clock.advance(60_000)
    expect(leaseCalls('renew')).toBe(renewed)
  })

  test('attempts are counted over claims; a version that is given back can be claimed again', async () => {
    const one = version()
    const first = claimed(await receipts.claim(one))
    await first.beginAttempt()
    await first.release()
    const second = claimed(await other.claim(one))
    expect(second.attempts()).toBe(1)
    expect(await second.beginAttempt()).toBe(2)
    expect(await second.beginAttempt()).toBe(3)
    await second.release()
    const third = claimed(await receipts.claim(one))
    expect(third.attempts()).toBe(3)
    expect([...(await receipts.completed())]).not.toContain(versionKey(one))
    await third.release()
  })

  test('a receipt that somebody deleted is no error', async () => {
    const one = version()
    const receipt = claimed(await receipts.claim(one))
    const blob = service
      .getContainerClient('azure-webjobs-hosts')
      .getBlobClient(`blobreceipts/host/fn/${versionKey(one)}`)
    await blob.getBlobLeaseClient().breakLease(0)
    await blob.delete()
    await receipt.complete()
    expect((await receipts.claim(one)).state).toBe('claimed')
  })

  test('an error of the host storage names it', async () => {
    const key = /AccountKey=[^;]*/
    const wrong = azurite.connectionString.replace(key, 'AccountKey=d3Jvbmc=')
    const refused = createBlobReceipts(
      () => Promise.resolve(BlobServiceClient.fromConnectionString(wrong)),
      'host',
      'fn',
      clock,
    )
    const reason =
      /^Container 'azure-webjobs-hosts' \(connection 'AzureWebJobsStorage'\) failed: 403 .*Check the key/
    await expect(refused.completed()).rejects.toThrow(reason)
    await expect(refused.claim(version())).rejects.toThrow(reason)
  })

  function claimed(claim: Claim): Receipt {
    if (claim.state !== 'claimed') throw new Error(`The version is ${claim.state}.`)
    return claim.receipt
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
  }
})
