import type { Lease, LeaseStore } from '../../src/triggers/cosmos-lease.ts'

/** Leases in memory, which can be away, or lose the response to a write. */
export interface FakeLeases extends LeaseStore {
  readonly leases: Map<string, { lease: Lease; etag: string }>
  /** What the next requests throw instead, one each. */
  readonly failures: Error[]
  /** Writes whose response is lost: the write is done. */
  lostResponses: number
}

/** Creates an empty store. */
export function createFakeLeases(): FakeLeases {
  const leases: FakeLeases['leases'] = new Map()
  const failures: Error[] = []
  let version = 0
  const write = (lease: Lease): Promise<string> => {
    const etag = `"${++version}"`
    leases.set(lease.id, { lease, etag })
    if (fake.lostResponses > 0) {
      fake.lostResponses--
      return Promise.reject(new Error('socket hang up'))
    }
    return Promise.resolve(etag)
  }
  const failing = (): Promise<never> | undefined => {
    const failure = failures.shift()
    return failure === undefined ? undefined : Promise.reject(failure)
  }
  const fake: FakeLeases = {
    leases,
    failures,
    lostResponses: 0,
    read: (id) => failing() ?? Promise.resolve(leases.get(id)),
    create: (lease) => failing() ?? (leases.has(lease.id) ? Promise.resolve(undefined) : write(lease)),
    replace: (lease, etag) =>
      failing() ?? (leases.get(lease.id)?.etag === etag ? write(lease) : Promise.resolve(undefined)),
  }
  return fake
}
