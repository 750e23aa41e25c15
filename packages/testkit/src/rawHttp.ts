import { connect } from 'node:net'

/** What came back for bytes that were sent. */
export interface RawAnswer {
  /** The status of each answer, in order; none when the server closed the connection without one. */
  readonly statuses: readonly number[]
  /** Whether the server was still waiting for more when the time was up. */
  readonly open: boolean
}

/**
 * Sends bytes to a server of this machine as they are, which no HTTP client does, and reads until the server closes the
 * connection, or for `patienceMs`.
 */
export function exchange(port: number, bytes: Uint8Array, patienceMs: number): Promise<RawAnswer> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const end = (open: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      const statuses = [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status))
      resolve({ statuses, open })
    }
    const timer = setTimeout(end, patienceMs, true)
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', () => {
      end(false)
    })
    socket.on('close', () => {
      end(false)
    })
    socket.write(bytes)
  })
}
