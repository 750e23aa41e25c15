import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'

/** How far the changes of a container were delivered, and who delivers them. */
export interface Lease {
  readonly id: string
  /** Empty when nobody does. */
  readonly owner: string
  /** Milliseconds since 1970: from then on somebody else may take it. */
  readonly expires: number
  /** The changes after it are still to be delivered; without it, none was delivered yet. */
  readonly continuation?: string
}

/** Where leases are kept. A write gives the new ETag, and `undefined` when somebody else has written in the meantime. */
export interface LeaseStore {
  readonly read: (id: string) => Promise<{ readonly lease: Lease; readonly etag: string } | undefined>
  readonly create: (lease: Lease) => Promise<string | undefined>
  readonly replace: (lease: Lease, etag: string) => Promise<string | undefined>
}

/** A lease that was taken. */
export interface Claim {
  readonly continuation: () => string | undefined
  /** Whether somebody else was seen to have it. */
  readonly isLost: () => boolean
  /** Keeps the lease for another while. Rejects when the store cannot be reached. */
  readonly renew: () => Promise<void>
  /** Notes that everything up to here was delivered. Rejects when the store cannot be reached. */
  readonly advance: (continuation: string) => Promise<void>
  /** Gives the lease back. Rejects when the store cannot be reached. */
  readonly release: () => Promise<void>
}

/**
 * Takes a lease that nobody else has, or whose owner has let it expire or was a process of this machine that is gone.
 *
 * @param owner who takes it, by {@link newOwner}
 * @returns `undefined` when somebody else has it
 */
export async function claimLease(
  store: LeaseStore,
  id: string,
  owner: string,
  expirationMs: number,
  clock: Clock,
): Promise<Claim | undefined> {
  const owned = (continuation: string | undefined): Lease => ({
    id,
    owner,
    expires: clock.wall() + expirationMs,
    ...(continuation !== undefined && { continuation }),
  })
  const found = await store.read(id)
  const isTaken = found !== undefined && found.lease.owner !== owner && !isFree(found.lease, clock.wall())
  if (isTaken) return undefined
  const first = owned(found?.lease.continuation)
  const etag = await (found === undefined ? store.create(first) : store.replace(first, found.etag))
  return etag === undefined ? undefined : claimOf(first, etag)

  function claimOf(taken: Lease, takenEtag: string): Claim {
    let current: { readonly lease: Lease; readonly etag: string } | undefined = {
      lease: taken,
      etag: takenEtag,
    }
    let last: Promise<unknown> = Promise.resolve()
    // One write after the other: each needs the ETag of the one before.
    const write = (change: (lease: Lease) => Lease): Promise<void> => {
      const written = last.then(async () => {
        if (current === undefined) return
        const lease = change(current.lease)
        let next = await store.replace(lease, current.etag)
        if (next === undefined) {
          // A write of our own may have got through whose response was lost.
          const now = await store.read(id)
          if (now?.lease.owner === owner) next = await store.replace(lease, now.etag)
        }
        current = next === undefined ? undefined : { lease, etag: next }
      })
      last = written.catch(() => undefined)
      return written
    }
    return {
      continuation: () => current?.lease.continuation,
      isLost: () => current === undefined,
      renew: () => write(({ continuation }) => owned(continuation)),
      advance: (continuation) => write(() => owned(continuation)),
      release: () => write((lease) => ({ ...lease, owner: '', expires: 0 })),
    }
  }
}

/** Somebody who can have a lease: this machine, this process, and one of its listeners. */
export function newOwner(): string {
  return `${hostname()}/${process.pid}/${randomUUID()}`
}

function isFree({ owner, expires }: Lease, now: number): boolean {
  if (owner === '' || expires <= now) return true
  const [machine, pid] = owner.split('/')
  return machine === hostname() && !isRunning(Number(pid))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
