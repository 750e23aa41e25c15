import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../host/log.ts'

/** A request and its response. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The connections of a server, and what they are busy with. */
export interface Connections {
  /** Counts an exchange that the server does not announce by `request`. */
  readonly begin: (request: IncomingMessage, response: ServerResponse) => void
  /** The latest exchange on a connection that has not ended. */
  readonly current: (socket: Duplex) => Exchange | undefined
  /** Resolves when a connection has no exchange under way. */
  readonly answered: (socket: Duplex) => Promise<void>
  /** Stops listening; resolves when the exchanges have ended or been cut off. */
  readonly close: () => Promise<void>
}

/** The event by which a response is told that the host stops: a stream without an end ends then. */
export const STOPPING = Symbol('the host stops')

const LONGEST_DRAIN_MS = 10_000
const SAID_AFTER_MS = 500
// https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core: Kestrel waits as long for the rest.
const REST_OF_BODY_MS = 5000
const SHOWN = 5

/**
 * Keeps account of a server's connections. On a stop, those that wait for a request are closed at once, whether they have
 * sent nothing, or half a request's headers, or are idle; the others may finish, for ten seconds at most.
 *
 * @param hint ends what is said to whoever waits for that
 */
export function trackConnections(server: Server, log: Log, hint: string): Connections {
  const busy = new Map<Duplex, Set<Exchange>>()
  const waiting = new Map<Duplex, (() => void)[]>()
  /** Connections whose TLS handshake has not ended, by the address at their other end. */
  const handshakes = new Map<string, Socket>()
  const isSecure = 'setSecureContext' in server
  let closing: Promise<void> | undefined

  server.on('connection', (socket: Socket) => {
    // Over TLS, requests come on another socket, which the handshake makes.
    if (!isSecure) {
      opened(socket)
      return
    }
    const address = addressOf(socket)
    handshakes.set(address, socket)
    socket.once('close', () => handshakes.delete(address))
  })
  server.on('secureConnection', (socket: Socket) => {
    handshakes.delete(addressOf(socket))
    opened(socket)
  })
  server.on('request', begin)
  server.on('checkContinue', begin)

  return {
    begin,
    current: (socket) => [...(busy.get(socket) ?? [])].at(-1),
    answered: (socket) =>
      new Promise((resolve) => {
        if ((busy.get(socket)?.size ?? 0) === 0) resolve()
        else waiting.set(socket, [...(waiting.get(socket) ?? []), resolve])
      }),
    close: () => (closing ??= close()),
  }

  function begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const exchange = { request, response }
    busy.get(socket)?.add(exchange)
    response.once('close', () => {
      const left = busy.get(socket)
      left?.delete(exchange)
      if ((left?.size ?? 0) > 0) return
      release(socket)
      if (closing !== undefined) socket.end()
    })
    // Node.js would close such a connection with the response, and a client that is still sending its body would lose it.
    const closes = !response.shouldKeepAlive && hasBody(request)
    if (closes) response.shouldKeepAlive = true
    response.once('finish', () => {
      if (!request.complete) discardRest(request)
      if (closes) endWith(request)
    })
    if (closing !== undefined) response.shouldKeepAlive = false
  }

  function opened(socket: Socket): void {
    busy.set(socket, new Set())
    socket.once('close', () => {
      busy.delete(socket)
      release(socket)
    })
  }

  function endWith(request: IncomingMessage): void {
    if (request.complete) request.socket.end()
    else request.once('end', () => request.socket.end())
  }

  /** The rest of a body whose response has been sent is not wanted; a client that goes on sending is cut off. */
  function discardRest(request: IncomingMessage): void {
    request.resume()
    setTimeout(() => {
      if (!request.complete) request.socket.destroy()
    }, REST_OF_BODY_MS).unref()
  }

  function release(socket: Duplex): void {
    for (const resolve of waiting.get(socket) ?? []) resolve()
    waiting.delete(socket)
  }

  async function close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve()
      })
    })
    for (const socket of handshakes.values()) socket.destroy()
    for (const [socket, exchanges] of busy) {
      if (exchanges.size === 0) socket.destroy()
      for (const { response } of exchanges) {
        response.shouldKeepAlive = false
        response.emit(STOPPING)
      }
    }
    const said = setTimeout(sayWhatItWaitsFor, SAID_AFTER_MS)
    const cut = setTimeout(() => {
      for (const socket of busy.keys()) socket.destroy()
    }, LONGEST_DRAIN_MS)
    await closed
    clearTimeout(said)
    clearTimeout(cut)
  }

  function sayWhatItWaitsFor(): void {
    const open = [...busy.values()].flatMap((exchanges) => [...exchanges])
    if (open.length === 0) return
    const shown = open.slice(0, SHOWN).map(({ request, response }) => {
      const [path = ''] = (request.url ?? '').split('?')
      const what = `${request.method ?? ''} ${path}`
      if (!request.complete) return `${what} (its body is still coming)`
      return response.headersSent ? `${what} (its response is being sent)` : what
    })
    const more = open.length > SHOWN ? `, and ${open.length - SHOWN} more` : ''
    log.warn(
      `Stopping: waits ${LONGEST_DRAIN_MS / 1000} s at most for ${open.length} HTTP request${open.length === 1 ? '' : 's'}: ${shown.join(', ')}${more}.${hint}`,
    )
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0}`
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
