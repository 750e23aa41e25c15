import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { trackConnections, type Connections } from '../src/http/connections.ts'
import { createFakeLog, type FakeLog } from './harness/fake-log.ts'
import { fakeTimeouts } from './harness/fake-timers.ts'

// What a stop does with the connections of a server. The time of its timers is the test's.

/** A client's connection. */
interface Client {
  readonly socket: Socket
  readonly send: (bytes: string) => void
  /** What has come, once it holds a text. */
  readonly received: (text: string) => Promise<string>
  readonly closed: Promise<unknown>
}

describe('the connections of a server', () => {
  let server: Server
  let connections: Connections
  let log: FakeLog
  let requests: { request: IncomingMessage; response: ServerResponse }[]
  let arrived: () => void
  const clients: Client[] = []

  beforeEach(async () => {
    fakeTimeouts()
    log = createFakeLog()
    requests = []
    arrived = () => undefined
    server = createServer((request, response) => {
      requests.push({ request, response })
      arrived()
    })
    connections = trackConnections(server, log, ' Ctrl-C again ends at once.')
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    jest.useRealTimers()
    for (const { socket } of clients.splice(0)) socket.destroy()
    server.closeAllConnections()
    await connections.close()
  })

  const open = async (bytes = ''): Promise<Client> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const accepted = once(server, 'connection')
    let text = ''
    let changed = (): void => undefined
    socket.on('error', () => undefined)
    socket.on('data', (data: Buffer) => {
      text += data.toString('latin1')
      changed()
    })
    const client: Client = {
      socket,
      send: (more) => socket.write(more),
      received: async (expected) => {
        while (!text.includes(expected)) await new Promise<void>((resolve) => (changed = resolve))
        return text
      },
      closed: new Promise((resolve) => socket.once('close', resolve)),
    }
    clients.push(client)
    await accepted
    if (bytes !== '') socket.write(bytes)
    return client
  }
  /** The request of that number, once it has come. */
  const request = async (index: number): Promise<{ request: IncomingMessage; response: ServerResponse }> => {
    for (;;) {
      const found = requests[index]
      if (found !== undefined) return found
      await new Promise<void>((resolve) => (arrived = resolve))
    }
  }
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const post = (path: string, length: number, headers = ''): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${length}\r\n\r\n`
  const isPending = async (work: Promise<unknown>): Promise<boolean> => {
    let pending = true
    void work.then(() => (pending = false))
    for (let i = 0; i < 20; i++) await turn()
    return pending
  }

  test.each([
    ['nothing', ''],
    ['half a request line', 'GET /hel'],
    ['half the headers', 'GET / HTTP/1.1\r\nHost: x\r\nX-'],
  ])('one that has sent %s is closed at once, and nothing is said', async (_what, bytes) => {
    const client = await open(bytes)
    await connections.close()
    await client.closed
    jest.advanceTimersByTime(20_000)
    expect([log.lines, jest.getTimerCount()]).toEqual([[], 0])
  })

  test('one that is idle after a response is closed at once', async () => {
    const client = await open(get('/'))
    ;(await request(0)).response.end('done')
    await client.received('done')
    const again = connections.close()
    expect(connections.close()).toBe(again)
    await again
    await client.closed
  })

  test('a request under way gets its response, which says that the connection closes', async () => {
    const client = await open(get('/slow?code=secret'))
    const { response } = await request(0)
    const closed = connections.close()
    expect(await isPending(closed)).toBe(true)
    expect(log.lines).toEqual([])
    jest.advanceTimersByTime(499)
    expect(log.lines).toEqual([])
    jest.advanceTimersByTime(1)
    expect(log.lines).toEqual([
      'warning Stopping: waits 10 s at most for 1 HTTP request: GET /slow. Ctrl-C again ends at once.',
    ])
    response.end('late')
    await closed
    await client.closed
    expect(await client.received('late')).toContain('Connection: close')
  })

  test('one whose response had begun to be kept alive is closed behind it', async () => {
    const client = await open(get('/'))
    const { response } = await request(0)
    response.writeHead(200, { 'Content-Length': 4 })
    response.write('ha')
    expect(await client.received('ha')).toContain('Connection: keep-alive')
    const closed = connections.close()
    response.end('lf')
    await client.received('half')
    await client.closed
    await closed
  })

  test('what is waited for is named: five requests, and how many more', async () => {
    await open(post('/upload?x=1', 10) + 'half')
    await request(0)
    await open(get('/endless'))
    ;(await request(1)).response.write('some')
    for (let i = 2; i < 7; i++) {
      await open(get(`/wait/${i}`))
      await request(i)
    }
    const closed = connections.close()
    jest.advanceTimersByTime(500)
    expect(log.lines).toEqual([
      'warning Stopping: waits 10 s at most for 7 HTTP requests: POST /upload (its body is still coming), GET /endless (its response is being sent), GET /wait/2, GET /wait/3, GET /wait/4, and 2 more. Ctrl-C again ends at once.',
    ])
    jest.advanceTimersByTime(9499)
    expect(await isPending(closed)).toBe(true)
    jest.advanceTimersByTime(1)
    await closed
    await Promise.all(clients.map((client) => client.closed))
  })

  test('five requests are all named', async () => {
    for (let i = 0; i < 5; i++) {
      await open(get(`/${i}`))
      await request(i)
    }
    const closed = connections.close()
    jest.advanceTimersByTime(500)
    expect(log.lines[0]).toContain('for 5 HTTP requests: GET /0, GET /1, GET /2, GET /3, GET /4. Ctrl-C')
    jest.advanceTimersByTime(10_000)
    await closed
  })

  test('nothing is said when the last response was sent in time', async () => {
    const client = await open(get('/'))
    const { response } = await request(0)
    const closed = connections.close()
    response.end('done')
    await closed
    await client.closed
    jest.advanceTimersByTime(20_000)
    expect([log.lines, jest.getTimerCount()]).toEqual([[], 0])
  })

  test('the rest of a body whose response has been sent is read, and the connection goes on', async () => {
    const client = await open(post('/', 8) + 'half')
    ;(await request(0)).response.end('enough')
    await client.received('enough')
    client.send('rest' + get('/next'))
    ;(await request(1)).response.end('second')
    expect(await client.received('second')).not.toContain('Connection: close')
    jest.advanceTimersByTime(5000)
    client.send(get('/third'))
    ;(await request(2)).response.end('third')
    await client.received('third')
  })

  test('a client that does not send the rest is cut off after five seconds', async () => {
    const client = await open(post('/', 8) + 'half')
    ;(await request(0)).response.end('enough')
    await client.received('enough')
    jest.advanceTimersByTime(4999)
    expect(await isPending(client.closed)).toBe(true)
    jest.advanceTimersByTime(1)
    await client.closed
  })

  test.each([
    ['Content-Length', post('/', 8, 'Connection: close\r\n') + 'half', 'rest'],
    [
      'chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
      '4\r\nrest\r\n0\r\n\r\n',
    ],
  ])(
    'one that is to close stays open until the client has sent its body, by %s',
    async (_how, head, rest) => {
      const client = await open(head)
      ;(await request(0)).response.end('enough')
      await client.received('enough')
      expect(await isPending(client.closed)).toBe(true)
      client.send(rest)
      await client.closed
    },
  )

  test('one that is to close is closed with the response where no body is to come', async () => {
    const client = await open('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    ;(await request(0)).response.end('done')
    expect(await client.received('done')).toContain('Connection: close')
    await client.closed
    const whole = await open(post('/', 4, 'Connection: close\r\n') + 'body')
    const { request: received, response } = await request(1)
    received.resume()
    await once(received, 'end')
    response.end('done')
    await whole.closed
  })

  test('knows the latest request of a connection, and when it has been answered', async () => {
    const client = await open(get('/first') + get('/second'))
    const first = await request(0)
    const second = await request(1)
    const { socket } = first.request
    expect(connections.current(socket)?.request.url).toBe('/second')
    const waits = [connections.answered(socket), connections.answered(socket)]
    first.response.end('one')
    await client.received('one')
    expect(await isPending(Promise.race(waits))).toBe(true)
    second.response.end('two')
    await Promise.all(waits)
    expect(connections.current(socket)).toBeUndefined()
    await connections.answered(socket)
  })

  test('a connection that ends has nothing under way any more', async () => {
    const client = await open(get('/'))
    const { request: received } = await request(0)
    const answered = connections.answered(received.socket)
    client.socket.destroy()
    await answered
    expect(connections.current(received.socket)).toBeUndefined()
  })

  test('a client that waits for 100 Continue is under way', async () => {
    server.on('checkContinue', (received: IncomingMessage, response: ServerResponse) => {
      requests.push({ request: received, response })
      arrived()
    })
    const client = await open(post('/', 4, 'Expect: 100-continue\r\n'))
    const { response } = await request(0)
    const closed = connections.close()
    expect(await isPending(closed)).toBe(true)
    response.end('no')
    await client.received('no')
    client.send('body')
    await closed
  })
})
