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

/** Starts Azurite on free ports, with an account and a key made for this run. */
export async function startAzurite(): Promise<Azurite> {
  const [blob, queue, table] = [await freePort(), await freePort(), await freePort()]
  const account = 'conformance'
  const key = randomBytes(32).toString('base64')
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
  for (const port of [blob, queue, table]) await answers(port)
  const endpoints = [
    `BlobEndpoint=http://127.0.0.1:${blob}/${account}`,
    `QueueEndpoint=http://127.0.0.1:${queue}/${account}`,
    `TableEndpoint=http://127.0.0.1:${table}/${account}`,
  ]
  return {
    connectionString: [
      'DefaultEndpointsProtocol=http',
      `AccountName=${account}`,
      `AccountKey=${key}`,
      ...endpoints,
      '',
    ].join(';'),
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
