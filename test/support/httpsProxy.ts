import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

/** A proxy that tunnels HTTPS to local ports, whatever host is requested. */
export interface HttpsProxy {
  readonly url: string
  /** `host:port` of every requested tunnel. */
  readonly asked: readonly string[]
  stop(): Promise<void>
}

/**
 * Starts a proxy that replaces Azure's hosts: a tunnel to a host goes to a local port instead.
 *
 * @param portOf the port for `host:port`; undefined refuses
 */
export async function startHttpsProxy(portOf: (host: string) => number | undefined): Promise<HttpsProxy> {
  const asked: string[] = []
  const sockets = new Set<Duplex>()
  // Tunnels only.
  const server = createServer((_, response) => response.writeHead(403).end())
  // RFC 9110 §9.3.6
  server.on('connect', ({ url = '' }, client: Duplex) => {
    asked.push(url)
    sockets.add(client)
    const port = portOf(url)
    if (port === undefined) {
      client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
      return
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.pipe(client)
      client.pipe(upstream)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
