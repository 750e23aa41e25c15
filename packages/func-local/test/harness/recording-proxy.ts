import { once } from 'node:events'
import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands before a server and remembers what is asked of it. */
export interface RecordingProxy {
  readonly port: number
  readonly requests: { readonly method: string; readonly headers: IncomingHttpHeaders }[]
  readonly stop: () => Promise<void>
}

/** Starts a proxy before a port of this machine. */
export async function startProxy(targetPort: number): Promise<RecordingProxy> {
  const requests: { method: string; headers: IncomingHttpHeaders }[] = []
  const server = createServer((incoming, answer) => {
    const { method = '', url: path = '', headers } = incoming
    requests.push({ method, headers })
    const outgoing = request(
      { host: '127.0.0.1', port: targetPort, method, path, headers, agent: false },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers)
        response.pipe(answer)
      },
    )
    outgoing.on('error', () => answer.destroy())
    incoming.pipe(outgoing)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
