import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './port.ts'

/** An Azurite of the test's own, in memory. */
export interface Azurite {
  readonly connectionString: string
  readonly stop: () => Promise<void>
}

const STARTED_WITHIN_MS = 30_000

/** Where an Azurite listens, and its account; made for one run. */
export interface AzuritePlace {
  readonly ports: readonly [blob: number, queue: number, table: number]
  readonly account: string
  readonly key: string
  readonly connectionString: string
}

const TRIES = 3

/** Chooses free ports, an account and a key. */
export async function azuritePlace(): Promise<AzuritePlace> {
  const [blob, queue, table] = [await freePort(), await freePort(), await freePort()]
  const account = 'conformance'
  const key = randomBytes(32).toString('base64')
  const parts = [
    'DefaultEndpointsProtocol=http',
    `AccountName=${account}`,
    `AccountKey=${key}`,
    `BlobEndpoint=http://127.0.0.1:${blob}/${account}`,
    `QueueEndpoint=http://127.0.0.1:${queue}/${account}`,
    `TableEndpoint=http://127.0.0.1:${table}/${account}`,
  ]
  return { ports: [blob, queue, table], account, key, connectionString: `${parts.join(';')};` }
}

/** Starts Azurite at a place, or at a new one. */
export async function startAzurite(place?: AzuritePlace): Promise<Azurite> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startAt(place ?? (await azuritePlace()))
    } catch (error) {
      // Another process may have taken a port that was free a moment ago.
      if (place !== undefined || attempt === TRIES) throw error
    }
  }
}

async function startAt({ ports, account, key, connectionString }: AzuritePlace): Promise<Azurite> {
  const [blob, queue, table] = ports
  const script = createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js')
  const child = spawn(
    process.execPath,
    [
      script,
      ...['--inMemoryPersistence', '--skipApiVersionCheck', '--silent', '--disableTelemetry'],
      ...['--blobPort', String(blob), '--queuePort', String(queue), '--tablePort', String(table)],
    ],
    { env: { ...process.env, AZURITE_ACCOUNTS: `${account}:${key}` }, stdio: 'ignore' },
  )
  const exited = once(child, 'exit')
  const failed = exited.then(() => {
    throw new Error('Azurite ended before it listened.')
  })
  failed.catch(() => undefined)
  await Promise.race([Promise.all(ports.map(answers)), failed])
  return {
    connectionString,
    stop: async () => {
      child.kill('SIGTERM')
      await exited
    },
  }
}

async function answers(port: number): Promise<void> {
  const deadline = Date.now() + STARTED_WITHIN_MS
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => {
        resolve(true)
      })
      socket.once('error', () => {
        resolve(false)
      })
    })
    socket.destroy()
    if (connected) return
    if (Date.now() > deadline)
      throw new Error(`Azurite did not listen on port ${port} within ${STARTED_WITHIN_MS} ms.`)
    await sleep(50)
  }
}
