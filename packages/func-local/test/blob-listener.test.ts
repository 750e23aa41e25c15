import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { BlobServiceClient } from '@azure/storage-blob'
import { settingsOf } from '../src/config/settings.ts'
import { blobService } from '../src/storage/blobs.ts'
import {
  createBlobListener,
  type BlobContent,
  type BlobListenerOptions,
} from '../src/triggers/blob-listener.ts'
import { parseBlobPath } from '../src/triggers/blob-path.ts'
import {
  createBlobReceipts,
  versionKey,
  type BlobReceipts,
  type Claim,
  type Receipt,
} from '../src/triggers/blob-receipts.ts'
import { createFakeClock, type FakeClock } from './harness/fake-clock.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'
import {
  refusal,
  startFakeStorage,
  until,
  type FakeStorage,
  type StorageRequest,
} from './harness/fake-storage.ts'

const HOST = 'azure-webjobs-hosts'
let storage: FakeStorage
let service: BlobServiceClient
beforeAll(async () => {
  storage = await startFakeStorage()
  service = await blobService(
    settingsOf(new Map([['AzureWebJobsStorage', storage.connectionString]])),
    undefined,
  )
})
afterAll(async () => {
  await storage.stop()
})
let serial = 0
beforeEach(() => {
  storage.intercept = () => undefined
  serial += 1
})

const isListing = ({ query }: StorageRequest): boolean => query.get('comp') === 'list'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-receipts
describe('the receipts of blobs, in memory', () => {
  let clock: FakeClock
  let receipts: BlobReceipts
  let folder: string
  const version = (name = 'a.txt'): { container: string; name: string; etag: string } => ({
    container: 'box',
    name,
    etag: '"0x1"',
  })
  const stored = (name = 'a.txt') =>
    storage.containers.get(HOST)?.get(`${folder}${versionKey(version(name))}`)
  const claimed = async (name?: string): Promise<Receipt> => {
    const claim = await receipts.claim(version(name))
    if (claim.state !== 'claimed') throw new Error(`It is ${claim.state}.`)
    return claim.receipt
  }
  beforeEach(() => {
    clock = createFakeClock()
    folder = `blobreceipts/host/fn${serial}/`
    receipts = createBlobReceipts(() => Promise.resolve(service), 'host', `fn${serial}`, clock)
  })

  test('begin with the first claim, which counts the first attempt, and are leased', async () => {
    expect(await receipts.completed()).toEqual(new Set())
    const receipt = await claimed()
    expect([...(stored()?.metadata ?? [])]).toEqual([['incomplete', 'Incomplete'], ['attempts', '1']]) // prettier-ignore
    expect(stored()?.lease).toBeDefined()
    expect(receipt.attempts()).toBe(0)
    expect(await receipt.beginAttempt()).toBe(1)
    expect(receipt.attempts()).toBe(1)
    expect(await receipt.beginAttempt()).toBe(2)
    expect(stored()?.metadata.get('attempts')).toBe('2')
    expect(stored()?.metadata.has('incomplete')).toBe(true)
    await receipt.release()
    expect(stored()?.lease).toBeUndefined()
  })

  test('a claimed version is busy; a completed one is completed, and released', async () => {
    const receipt = await claimed()
    expect(await receipts.claim(version())).toEqual({ state: 'busy' })
    await receipt.beginAttempt()
    await receipt.complete()
    expect([...(stored()?.metadata ?? [])]).toEqual([['attempts', '1']])
    expect(stored()?.lease).toBeUndefined()
    expect(await receipts.claim(version())).toEqual({ state: 'completed' })
    expect(stored()?.lease).toBeUndefined()
    expect(await receipts.completed()).toEqual(new Set([versionKey(version())]))
  })

  test('completed by somebody who still holds it, a version is completed', async () => {
    storage.put(HOST, `${folder}${versionKey(version())}`, '', { attempts: '1' })
    const blob = stored()
    if (blob !== undefined) blob.lease = 'of somebody'
    expect(await receipts.claim(version())).toEqual({ state: 'completed' })
  })

  test('deleted between, a version is busy until the next look', async () => {
    storage.intercept = ({ method, headers, path }) => {
      if (!path.includes(folder)) return undefined
      if (headers['x-ms-lease-action'] === 'acquire') return refusal(404, 'BlobNotFound')
      return method === 'HEAD' ? { status: 404, headers: { 'x-ms-error-code': 'BlobNotFound' } } : undefined
    }
    expect(await receipts.claim(version())).toEqual({ state: 'busy' })
  })

  test('only those of the function count, and only what is complete', async () => {
    storage.put(HOST, `${folder}"0x1"/box/done`, '', { attempts: '1' })
    storage.put(HOST, `${folder}"0x1"/box/begun`, '', { incomplete: 'x', attempts: '1' })
    storage.put(HOST, `blobreceipts/host/other/"0x1"/box/done`, '', {})
    expect(await receipts.completed()).toEqual(new Set(['"0x1"/box/done']))
  })

  test('a receipt without a count has none', async () => {
    storage.put(HOST, `${folder}${versionKey(version())}`, '', { INCOMPLETE: 'x' })
    const receipt = await claimed()
    expect(receipt.attempts()).toBe(0)
    expect(await receipt.beginAttempt()).toBe(1)
    expect(stored()?.metadata.get('attempts')).toBe('1')
  })

  test('a receipt that was there counts on', async () => {
    storage.put(HOST, `${folder}${versionKey(version())}`, '', { incomplete: 'x', attempts: '3' })
    const receipt = await claimed()
    expect(receipt.attempts()).toBe(3)
    expect(await receipt.beginAttempt()).toBe(4)
  })

  test('the container is created for the first receipt', async () => {
    let missing = true
    storage.intercept = ({ query, method }) => {
      if (query.get('restype') === 'container' && method === 'PUT') missing = false
      else if (missing) return refusal(404, 'ContainerNotFound')
      return undefined
    }
    expect(await receipts.completed()).toEqual(new Set())
    await claimed()
    expect(missing).toBe(false)
    expect(stored()?.metadata.get('attempts')).toBe('1')
  })

  // A named fault: the lease of a blob that takes long is renewed, or a second host runs it.
  test('the lease is renewed for as long as the function runs', async () => {
    const renewals = (): number =>
      storage.requests.filter(({ headers }) => headers['x-ms-lease-action'] === 'renew').length
    const before = renewals()
    const receipt = await claimed()
    expect(storage.requests.find(({ path, headers }) => path.includes(folder) && headers['x-ms-lease-action'] === 'acquire')?.headers['x-ms-lease-duration']).toBe('30') // prettier-ignore
    for (const count of [1, 2, 3]) {
      await clock.advance(10_000)
      await until(() => renewals() === before + count)
    }
    await receipt.complete()
    await clock.advance(60_000)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(renewals()).toBe(before + 3)
  })

  test('a receipt that somebody deleted can be completed; another error is thrown, and it is released', async () => {
    const gone = await claimed('gone')
    storage.remove(HOST, `${folder}${versionKey(version('gone'))}`)
    await gone.complete()
    const refused = await claimed('refused')
    storage.intercept = ({ query }) =>
      query.get('comp') === 'metadata' ? refusal(500, 'InternalError') : undefined
    await expect(refused.complete()).rejects.toMatchObject({ statusCode: 500 })
    expect(stored('refused')?.lease).toBeUndefined()
  })

  test('a permanent error names the host storage; a passing one is thrown as it is', async () => {
    storage.intercept = () => refusal(403, 'AuthorizationFailure')
    const named =
      /^Container 'azure-webjobs-hosts' \(connection 'AzureWebJobsStorage'\) failed: 403 AuthorizationFailure/
    await expect(receipts.completed()).rejects.toThrow(named)
    await expect(receipts.claim(version())).rejects.toThrow(named)
    storage.intercept = () => refusal(409, 'Other')
    await expect(receipts.completed()).rejects.toMatchObject({ statusCode: 409 })
    await expect(receipts.claim(version())).rejects.toMatchObject({ statusCode: 409 })
  })
})

interface World {
  readonly clock: FakeClock
  readonly log: FakeLog
  readonly runs: BlobContent[]
  readonly poisoned: string[]
  readonly listener: { start: () => void; stop: () => Promise<void> }
  /** Moves the clock on until something holds. */
  readonly wait: (condition: () => boolean) => Promise<void>
  /** Moves the clock on over so many scans. */
  readonly scans: (count: number) => Promise<void>
}

function listen(
  run: (content: BlobContent) => Promise<boolean> | boolean,
  changes: Partial<BlobListenerOptions> & { path?: string } = {},
): World {
  const { path = 'box{{}}', ...others } = changes
  const clock = createFakeClock()
  const log = createFakeLog()
  const runs: BlobContent[] = []
  const poisoned: string[] = []
  const pattern = parseBlobPath(path)
  const listener = createBlobListener({
    pattern,
    connection: 'Mine',
    maxDegreeOfParallelism: 8,
    poisonBlobThreshold: 3,
    service: () => Promise.resolve(service),
    receipts: createBlobReceipts(() => Promise.resolve(service), 'host', `listener${serial}`, clock),
    log,
    clock,
    run: async (content) => {
      runs.push(content)
      return await run(content)
    },
    poison: ({ container, name }, type) => {
      poisoned.push(`${type} ${container}/${name}`)
      return Promise.resolve()
    },
    ...others,
  })
  const wait = async (condition: () => boolean): Promise<void> => {
    for (let i = 0; !condition(); i++) {
      if (i > 1500) throw new Error('It does not come.')
      await clock.advance(100)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const listings = (): number =>
    storage.requests.filter((request) => isListing(request) && request.path === `/${pattern.container}`)
      .length
  return {
    clock,
    log,
    runs,
    poisoned,
    listener,
    wait,
    scans: async (count) => {
      const before = listings()
      await wait(() => listings() >= before + count)
      await new Promise((resolve) => setTimeout(resolve, 5))
    },
  }
}

function later(): { promise: Promise<boolean>; resolve: (succeeded: boolean) => void } {
  let resolve: (succeeded: boolean) => void = () => undefined
  const promise = new Promise<boolean>((done) => (resolve = done))
  return { promise, resolve }
}

describe('a blob listener', () => {
  let box: string
  beforeEach(() => {
    box = `box-${serial}`
  })
  const put = (name: string, content = 'x'): void => {
    storage.put(box, name, content, { mine: '1' })
  }
  const names = ({ runs }: World): string[] => runs.map(({ version }) => version.name)

  test('runs the function once for each version of a blob that matches', async () => {
    put('in/a.txt', 'one')
    put('in/b.csv')
    put('out/c.txt')
    const world = listen(() => true, { path: `${box}/in/{name}.txt` })
    world.listener.start()
    await world.wait(() => world.runs.length === 1)
    const [content] = world.runs
    expect(content).toMatchObject({
      version: { container: box, name: 'in/a.txt' },
      parameters: { name: 'a' },
      attempt: 1,
    })
    expect(content?.version.etag).toMatch(/^"0x.+"$/)
    expect(content?.body.toString()).toBe('one')
    expect(content?.url).toContain(`/${box}/in`)
    expect(content?.properties.metadata).toEqual({ mine: '1' })
    await world.scans(3)
    expect(names(world)).toEqual(['in/a.txt'])
    put('in/a.txt', 'two')
    await world.wait(() => world.runs.length === 2)
    expect(world.runs[1]?.body.toString()).toBe('two')
    expect(storage.requests.filter(isListing).at(-1)?.query.get('prefix')).toBe('in/')
    await world.listener.stop()
    expect(world.log.lines).toEqual([])
  })

  test('does not run for what was completed before it began', async () => {
    put('a.txt')
    const first = listen(() => true, { path: box })
    first.listener.start()
    await first.wait(() => first.runs.length === 1)
    await first.listener.stop()
    const second = listen(() => true, { path: box })
    second.listener.start()
    await second.scans(3)
    expect(second.runs).toEqual([])
    // Receipts are listed once, at the start.
    put('b.txt')
    await second.wait(() => second.runs.length === 1)
    await second.listener.stop()
  })

  test('waits for a container that does not exist yet', async () => {
    const world = listen(() => true, { path: `${box}/{name}` })
    world.listener.start()
    await world.scans(2)
    put('a')
    await world.wait(() => world.runs.length === 1)
    expect(world.log.lines).toEqual([])
    await world.listener.stop()
  })

  test('a version that fails runs again, and goes to the poison queue in the end', async () => {
    put('bad')
    const world = listen(() => false, { path: box })
    world.listener.start()
    await world.wait(() => world.poisoned.length === 1)
    await world.scans(3)
    expect(world.runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3])
    expect(world.poisoned).toEqual([`BlockBlob ${box}/bad`])
    await world.listener.stop()
  })

  test('a version that has failed often enough before goes to the poison queue at once', async () => {
    put('bad')
    const etag = storage.containers.get(box)?.get('bad')?.etag ?? ''
    storage.put(HOST, `blobreceipts/host/listener${serial}/${etag}/${box}/bad`, '', {
      incomplete: 'x',
      attempts: '3',
    })
    const world = listen(() => true, { path: box })
    world.listener.start()
    await world.wait(() => world.poisoned.length === 1)
    expect(world.runs).toEqual([])
    await world.listener.stop()
  })

  test('a poison queue that does not take it leaves it for later', async () => {
    put('bad')
    let refusals = 0
    const world = listen(() => false, {
      path: box,
      poison: () => (refusals++ === 0 ? Promise.reject(new Error('no queue')) : Promise.resolve()),
    })
    world.listener.start()
    await world.wait(() => refusals === 1 && world.log.lines.length === 1)
    expect(world.log.lines).toEqual([
      `warning Blob '${box}/bad' could not be handled (no queue). Trying again.`,
    ])
    await world.wait(() => refusals === 2)
    expect(world.runs).toHaveLength(3)
    await world.listener.stop()
  })

  test('handles so many at a time', async () => {
    const works = Array.from({ length: 5 }, later)
    for (let i = 0; i < 5; i++) put(String(i))
    const world = listen((content) => works[Number(content.version.name)]?.promise ?? true, {
      path: box,
      maxDegreeOfParallelism: 2,
    })
    world.listener.start()
    await world.wait(() => world.runs.length === 2)
    await world.clock.advance(10_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect([...names(world)].sort()).toEqual(['0', '1'])
    works[1]?.resolve(true)
    await world.wait(() => world.runs.length === 3)
    for (const { resolve } of works) resolve(true)
    await world.wait(() => world.runs.length === 5)
    await world.listener.stop()
  })

  test('a version in work is not begun again', async () => {
    put('slow')
    const work = later()
    const world = listen(() => work.promise, { path: box })
    world.listener.start()
    await world.wait(() => world.runs.length === 1)
    await world.scans(4)
    expect(world.runs).toHaveLength(1)
    work.resolve(true)
    await world.listener.stop()
  })

  test('a version that another host has is looked at again after two seconds', async () => {
    put('a')
    let claims = 0
    const world = listen(() => true, {
      path: box,
      receipts: {
        completed: () => Promise.resolve(new Set()),
        claim: (): Promise<Claim> => {
          claims += 1
          return Promise.resolve(claims < 3 ? { state: 'busy' } : { state: 'completed' })
        },
      },
    })
    world.listener.start()
    await world.wait(() => claims === 1)
    const began = world.clock.now()
    await world.wait(() => claims === 2)
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(1900)
    await world.wait(() => claims === 3)
    // Completed elsewhere: it needs no look any more.
    await world.scans(5)
    expect(claims).toBe(3)
    expect(world.runs).toEqual([])
    await world.listener.stop()
  })

  test.each([404, 412])(
    'a blob that is deleted or changed meanwhile (%d) is released, and not an error',
    async (status) => {
      put('a')
      storage.intercept = ({ method, path }) =>
        method === 'GET' && path === `/${box}/a`
          ? refusal(status, status === 404 ? 'BlobNotFound' : 'ConditionNotMet')
          : undefined
      const world = listen(() => true, { path: box })
      world.listener.start()
      await world.scans(3)
      expect(world.runs).toEqual([])
      expect(world.log.lines).toEqual([])
      const receipts = [...(storage.containers.get(HOST) ?? [])].filter(([name]) =>
        name.includes(`listener${serial}/`),
      )
      expect(receipts.map(([, { lease }]) => lease)).toEqual([undefined])
      await world.listener.stop()
    },
  )

  test('asks for the version that was listed', async () => {
    put('a')
    const world = listen(() => true, { path: box })
    world.listener.start()
    await world.wait(() => world.runs.length === 1)
    const download = storage.requests.find(({ method, path }) => method === 'GET' && path === `/${box}/a`)
    expect(download?.headers['if-match']).toBe(world.runs[0]?.version.etag)
    await world.listener.stop()
  })

  test('a blob that storage refuses to give waits for a minute, and says why', async () => {
    put('a')
    storage.intercept = ({ method, path }) =>
      method === 'GET' && path === `/${box}/a` ? refusal(403, 'AuthorizationFailure', 'Not you.') : undefined
    const world = listen(() => true, { path: box })
    world.listener.start()
    await world.wait(() => world.log.lines.length === 1)
    expect(world.log.lines).toEqual([
      `warning Blob '${box}/a' could not be handled (403 AuthorizationFailure Not you.). Check the key of connection 'Mine', or the roles of its identity.`,
    ])
    await world.scans(5)
    expect(world.log.lines).toHaveLength(1)
    storage.intercept = () => undefined
    const began = world.clock.now()
    await world.wait(() => world.runs.length === 1)
    expect(world.clock.now() - began).toBeGreaterThan(30_000)
    await world.listener.stop()
  })

  describe('that stops', () => {
    test('waits for what runs, begins nothing more, and gives back what it has not begun', async () => {
      put('a')
      const work = later()
      const world = listen(() => work.promise, { path: box })
      world.listener.start()
      await world.wait(() => world.runs.length === 1)
      put('b')
      let stopped = false
      const stop = world.listener.stop().then(() => (stopped = true))
      await world.clock.advance(20_000)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(stopped).toBe(false)
      // It fails: the next attempt is not made here any more.
      work.resolve(false)
      await stop
      expect(names(world)).toEqual(['a'])
      const receipts = [...(storage.containers.get(HOST) ?? [])].filter(([name]) =>
        name.includes(`listener${serial}/`),
      )
      expect(receipts.map(([, { lease, metadata }]) => [lease, metadata.get('attempts')])).toEqual([
        [undefined, '1'],
      ])
    })

    test('does not wait for ever for a listing that is not answered', async () => {
      const world = listen(() => true, { path: box, service: () => new Promise(() => undefined) })
      world.listener.start()
      await new Promise((resolve) => setTimeout(resolve, 10))
      let stopped = false
      const stop = world.listener.stop().then(() => (stopped = true))
      await world.clock.advance(4999)
      expect(stopped).toBe(false)
      await world.clock.advance(1)
      await stop
    })

    test('is not held up by a listing that can be ended', async () => {
      put('a')
      const world = listen(() => true, { path: box })
      world.listener.start()
      await world.wait(() => world.runs.length === 1)
      await world.listener.stop()
      expect(world.log.lines).toEqual([])
    })
  })

  describe('whose storage is away', () => {
    test('says so once, and once that it is back', async () => {
      put('a')
      storage.intercept = (request) =>
        isListing(request) && request.path === `/${box}` ? refusal(409, 'Away', 'Not now.') : undefined
      const world = listen(() => true, { path: box })
      world.listener.start()
      await world.scans(2)
      expect(world.log.lines).toEqual([])
      await world.wait(() => world.log.lines.length === 1)
      expect(world.log.lines[0]).toMatch(
        /^warning Container 'box-\d+' cannot be scanned \(409 Away Not now\.\)\. .*Trying again until it responds\.$/,
      )
      await world.scans(3)
      expect(world.log.lines).toHaveLength(1)
      storage.intercept = () => undefined
      await world.wait(() => world.runs.length === 1)
      expect(world.log.lines.slice(1)).toEqual([
        `information Storage responds again; container '${box}' is being scanned.`,
      ])
      await world.listener.stop()
    })

    test('a wrong key is said at once, and storage is asked once a minute', async () => {
      put('a')
      storage.intercept = (request) =>
        isListing(request) && request.path === `/${box}` ? refusal(403, 'AuthenticationFailed') : undefined
      const world = listen(() => true, { path: box })
      world.listener.start()
      await world.wait(() => world.log.lines.length === 1)
      expect(world.log.lines[0]).toMatch(/^error Container 'box-\d+' cannot be scanned \(403 /)
      const began = world.clock.now()
      await world.scans(1)
      expect(world.clock.now() - began).toBeGreaterThan(55_000)
      expect(world.log.lines).toHaveLength(1)
      await world.listener.stop()
    })
  })

  test('is asked less and less often, and often again when there is something', async () => {
    put('z')
    const world = listen(() => true, { path: box })
    world.listener.start()
    await world.wait(() => world.runs.length === 1)
    await world.scans(8)
    const began = world.clock.now()
    await world.scans(2)
    // Two seconds at most, and not much less.
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(3000)
    expect(world.clock.now() - began).toBeLessThanOrEqual(4600)
    put('y')
    await world.wait(() => world.runs.length === 2)
    const again = world.clock.now()
    await world.scans(1)
    expect(world.clock.now() - again).toBeLessThanOrEqual(500)
    await world.listener.stop()
  })
})
