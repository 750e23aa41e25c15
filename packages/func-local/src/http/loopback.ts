import { request as httpRequest } from 'node:http'
import { Duplex } from 'node:stream'
import type { RequestSender } from '../host/invoke-by-hand.ts'
import { joined } from './request.ts'
import { isHopByHop } from './response.ts'

/** One end of a connection in memory. */
class End extends Duplex {
  #other: End | undefined
  /** Goes on with the other end's writing, when this end wants to read. */
  #resumeWriter: (() => void) | undefined

  static pair(): readonly [End, End] {
    const left = new End()
    const right = new End()
    left.#other = right
    right.#other = left
    return [left, right]
  }

  override _read(): void {
    const resume = this.#resumeWriter
    this.#resumeWriter = undefined
    resume?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    const other = this.#other
    if (other === undefined || other.destroyed || other.push(chunk)) done()
    else other.#resumeWriter = done
  }

  override _final(done: () => void): void {
    if (this.#other?.destroyed === false) this.#other.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other
    this.#resumeWriter?.()
    // What has been written is still read; then there is no more.
    if (other?.destroyed === false && !other.readableEnded) other.push(null)
    done(error)
  }
}

/** Two ends of a connection in memory: what is written to one can be read from the other. */
export function connectedPair(): readonly [Duplex, Duplex] {
  return End.pair()
}

/** Sends requests over connections in memory, each over its own. */
export function createLoopback(
  host: string,
  open: (byHand: Parameters<RequestSender>[1]) => Duplex,
): RequestSender {
  return ({ method, path, headers, body }, byHand) =>
    new Promise((resolve, reject) => {
      const socket = open(byHand)
      const sent = httpRequest(
        {
          method,
          path,
          headers: {
            host,
            ...headers,
            connection: 'close',
            ...(body.length > 0 ? { 'content-length': body.length } : {}),
          },
          createConnection: () => socket,
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () => {
            const own = Object.entries(response.headersDistinct).filter(([name]) => !isHopByHop(name))
            const values = own.map(([name, all = []]) => [
              name,
              name === 'set-cookie' ? all.join('\n') : joined(all),
            ])
            resolve({
              status: response.statusCode ?? 0,
              headers: Object.fromEntries(values) as Record<string, string>,
              body: Buffer.concat(chunks),
            })
          })
        },
      )
      sent.on('error', reject)
      sent.end(body)
    })
}
