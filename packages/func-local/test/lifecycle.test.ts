import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { QueueServiceClient } from '@azure/storage-queue'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { answering, writeApp } from './harness/app.ts'
import { azuritePlace, startAzurite, type Azurite } from './harness/azurite.ts'
import { spawnHost, startHost, type TestHost } from './harness/host.ts'

describe('the life of the host', () => {
  let host: TestHost

  afterEach(async () => {
    await host.stop()
  })

  test('on SIGINT the port is free at once, what runs is finished, and an idle host is gone', async () => {
    host = await startHost('lifecycle')
    const running = host.fetch('/api/slow')
    await host.printed('slow has begun')
    host.process.kill('SIGINT')
    // The port can be listened on again while the request is still running.
    for (;;) {
      const other = createServer()
      const free = await new Promise<boolean>((resolve) => {
        other.once('error', () => {
          resolve(false)
        })
        other.listen(host.port, '127.0.0.1', () => {
          resolve(true)
        })
      })
      if (free) {
        other.close()
        break
      }
      await sleep(5)
    }
    expect(await (await running).text()).toBe('slow but done')
    expect(await host.exited).toBe(0)
  })

  test('a second signal ends it hard', async () => {
    host = await startHost('lifecycle')
    const never = host.fetch('/api/endless').catch(() => undefined)
    await host.printed("Executing 'Functions.endless'")
    host.process.kill('SIGTERM')
    await sleep(100)
    expect(host.process.exitCode).toBeNull()
    host.process.kill('SIGTERM')
    expect(await host.exited).not.toBe(0)
    await never
  })

  test('a port in use is one line', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    host = await spawnHost('lifecycle', { port })
    expect(await host.exited).toBe(1)
    expect(host.output()).toContain(`Port ${port} is unavailable. Close the process using that port`)
    other.close()
  })

  test('a closed output pipe does not end it', async () => {
    host = await startHost('lifecycle')
    host.process.stdout?.destroy()
    host.process.stderr?.destroy()
    for (let i = 0; i < 3; i++) expect((await host.fetch('/api/trace')).status).toBe(200)
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout
  test.each(['endless', 'busy'])(
    'functionTimeout ends the invocation of %s, and the worker is started again',
    async (name) => {
      host = await startHost('lifecycle', { env: { AzureFunctionsJobHost__functionTimeout: '00:00:02' } })
      expect((await host.fetch(`/api/${name}`)).status).toBe(500)
      await host.printed(new RegExp(`Timeout value of 00:00:02 exceeded by function 'Functions\\.${name}'`))
      expect((await host.fetch('/api/trace')).status).toBe(200)
    },
  )

  test('an error outside of any invocation ends the worker, not the host', async () => {
    host = await startHost('lifecycle')
    expect((await host.fetch('/api/crash')).status).toBe(500)
    await host.printed('Error: thrown outside of the invocation')
    expect((await host.fetch('/api/trace')).status).toBe(200)
  })

  test('a worker that dies again and again does not hold up the stop', async () => {
    const app = await writeApp({
      'src/a.js':
        "if (require('node:fs').existsSync('dead')) process.exit(5)\n" +
        answering('die', '', 'process.exit(6)'),
    })
    host = await startHost(app.directory)
    await app.write({ dead: '' })
    expect((await host.fetch('/api/die')).status).toBe(500)
    await host.printed('exited with code 5 while the app was loading')
    host.process.kill('SIGINT')
    expect(await host.exited).toBe(0)
    await app.remove()
  })

  // https://www.w3.org/TR/trace-context/
  test('a traceparent goes through to the function', async () => {
    host = await startHost('lifecycle')
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const headers = { traceparent, tracestate: 'a=1' }
    const given = (await (await host.fetch('/api/trace', { headers })).json()) as Record<string, string>
    expect(given['traceParent']).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
    expect(given['traceState']).toBe('a=1')
    const made = (await (await host.fetch('/api/trace')).json()) as Record<string, string>
    expect(made['traceParent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  })

  test('a log entry cannot pass for another one, nor control the terminal', async () => {
    host = await startHost('lifecycle')
    const from = host.output().length
    await host.fetch('/api/log', { method: 'POST', body: 'one\nExecuted by nobody\u001B[2J\r\u0008' })
    const printed = await host.printed(/Executed 'Functions\.log'/, from)
    expect(printed).toMatch(/\[[^\]]+Z\] Executed by nobody\\x1b\[2J/)
    expect(printed).not.toContain('\u001B')
  })
})

describe('the life of a queue message', () => {
  let azurite: Azurite
  let host: TestHost

  beforeAll(async () => {
    azurite = await startAzurite()
  })
  afterAll(async () => {
    await azurite.stop()
  })
  afterEach(async () => {
    await host.stop()
  })
  const env = (): Record<string, string> => ({ AzureWebJobsStorage: azurite.connectionString })
  const queue = async (): ReturnType<typeof create> => create(azurite)

  test('a lease is renewed while the function runs, so that nobody else gets the message', async () => {
    const client = await queue()
    host = await startHost('lifecycle', {
      env: { ...env(), FUNC_LOCAL_QUEUE_LEASE_SECONDS: '1' },
    })
    await client.sendMessage(base64('long'))
    await host.printed('slowQueue ended long')
    await empty(client)
    expect(host.output().match(/slowQueue began long/g)).toHaveLength(1)
  })

  test('a message whose worker died is delivered again at once', async () => {
    const client = await queue()
    host = await startHost('lifecycle', { env: env() })
    await client.sendMessage(base64('kill'))
    await host.printed('slowQueue began kill 2')
    await empty(client)
  })

  test('a message that failed is delivered again', async () => {
    const client = await queue()
    host = await startHost('lifecycle', { env: env() })
    await client.sendMessage(base64('once'))
    await host.printed('slowQueue began once 2')
    await host.printed('slowQueue ended once')
    await empty(client)
  })

  test('on a stop the running message is finished and no message is lost or hidden', async () => {
    const client = await queue()
    host = await startHost('lifecycle', { env: env() })
    for (let i = 0; i < 8; i++) await client.sendMessage(base64('long'))
    await host.printed('slowQueue began long')
    host.process.kill('SIGINT')
    expect(await host.exited).toBe(0)
    const ended = host.output().match(/slowQueue ended long/g)?.length ?? 0
    const began = host.output().match(/slowQueue began long/g)?.length ?? 0
    expect(ended).toBe(began)
    // All the others can be received now, without waiting for a lease to end.
    let left = 0
    for (;;) {
      const messages = (await client.receiveMessages({ numberOfMessages: 32 })).receivedMessageItems
      if (messages.length === 0) break
      left += messages.length
    }
    expect(left).toBe(8 - ended)
  })

  test('storage that cannot be reached is said once, and the host goes on when it answers', async () => {
    const place = await azuritePlace()
    host = await startHost('lifecycle', { env: { AzureWebJobsStorage: place.connectionString } })
    await host.printed(/Queue 'slow-queue' cannot be read \(connection refused\)/)
    expect((await host.fetch('/api/trace')).status).toBe(200)
    const own = await startAzurite(place)
    const client = await create(own)
    await client.sendMessage(base64('at last'))
    await host.printed('slowQueue ended at last')
    expect(host.output().match(/cannot be read/g)).toHaveLength(1)
    await host.stop()
    await own.stop()
  })
})

async function create(azurite: Azurite): Promise<ReturnType<QueueServiceClient['getQueueClient']>> {
  const client = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(
    'slow-queue',
  )
  await client.createIfNotExists()
  await client.clearMessages()
  return client
}

async function empty(client: Awaited<ReturnType<typeof create>>): Promise<void> {
  while (((await client.getProperties()).approximateMessagesCount ?? 0) > 0) await sleep(50)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
