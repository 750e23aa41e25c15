import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const USAGE = `node scripts/verify-deployment.ts

Places one order over HTTP and one through the queue, and waits until both are processed by the build that is expected.
  ORDERS_URL      the app's address
  ORDERS_KEY      a function key; none where keys are not asked for
  ORDERS_COMMIT   the commit that must respond; any, when it is not set
  ORDERS_ID       what the orders' ids begin with; a new one, when it is not set`

/** What is verified, and how patiently. */
export interface Verification {
  readonly url: string
  readonly key?: string
  readonly commit?: string
  /** What the two orders' ids begin with. They stay: a record is never deleted. */
  readonly id: string
  readonly tries: number
  readonly delayMs: number
  readonly print: (line: string) => void
}

/** The deployment is not what it should be. The message says what was expected and what came. */
export class VerificationError extends Error {
  override readonly name = 'VerificationError'
}

/**
 * Verifies a deployment from outside. Everything is retried, with the same ids: instances of the last version may respond for
 * a while, and new roles take minutes.
 *
 * @throws VerificationError
 */
export async function verifyDeployment(verification: Verification): Promise<void> {
  const { url, commit, id, print } = verification
  const headers = { ...(verification.key !== undefined && { 'x-functions-key': verification.key }) }

  if (commit !== undefined) {
    await eventually(verification, `hello is commit ${commit}`, async () => {
      const response = await fetch(`${url}/api/hello`, { signal: AbortSignal.timeout(REQUEST_MS) })
      const seen = response.headers.get('orders-commit') ?? 'no commit'
      return response.ok && seen === commit ? undefined : `${response.status}, ${seen}`
    })
    print(`hello responds, commit ${commit}`)
  }

  for (const [name, prefer] of [
    ['http', undefined],
    ['queue', 'respond-async'],
  ] as const) {
    const orderId = `${id}-${name}`
    await eventually(verification, `order ${orderId} is taken`, async () => {
      const response = await fetch(`${url}/api/order`, {
        method: 'POST',
        headers: { ...headers, ...(prefer !== undefined && { prefer }) },
        body: JSON.stringify({ id: orderId, item: 'deployment check' }),
        signal: AbortSignal.timeout(REQUEST_MS),
      })
      const text = await response.text()
      // 200 to a retry of the queue's order: it was processed in between.
      return response.ok ? undefined : `${response.status} ${text}`
    })
    await eventually(verification, `order ${orderId} is processed`, async () => {
      const response = await fetch(`${url}/api/order/${orderId}`, {
        headers,
        signal: AbortSignal.timeout(REQUEST_MS),
      })
      const text = await response.text()
      return response.ok && statusOf(text) === 'processed' ? undefined : `${response.status} ${text}`
    })
    print(`${orderId} is processed`)
  }
}

/** Longer than a cold start. */
const REQUEST_MS = 60_000

/** Asks until there is no objection. */
async function eventually(
  { tries, delayMs, print }: Verification,
  expected: string,
  objection: () => Promise<string | undefined>,
): Promise<void> {
  let last = ''
  for (let attempt = 1; attempt <= tries; attempt++) {
    if (attempt > 1) await delay(delayMs)
    const found = await objection().catch((error: unknown) => String(error))
    if (found === undefined) return
    if (found !== last) print(`waiting until ${expected}: ${found}`)
    last = found
  }
  throw new VerificationError(`Expected that ${expected}. After ${tries} tries: ${last}`)
}

function statusOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { status?: unknown }).status
  } catch {
    return undefined
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { ORDERS_URL: url, ORDERS_KEY: key, ORDERS_COMMIT: commit, ORDERS_ID: id } = process.env
  if (process.argv.length > 2 || url === undefined || url === '') {
    console.error(USAGE)
    process.exitCode = 1
  } else {
    try {
      await verifyDeployment({
        url: url.replace(/\/$/, ''),
        ...(key !== undefined && key !== '' && { key }),
        ...(commit !== undefined && commit !== '' && { commit }),
        id: id === undefined || id === '' ? `verify-${randomUUID()}` : id,
        tries: 40,
        delayMs: 15_000,
        print: (line) => {
          console.log(line)
        },
      })
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      console.error(error.message)
      process.exitCode = 1
    }
  }
}
