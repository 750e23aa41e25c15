import { connect } from 'node:net'

/** What a server sent in response to raw bytes. */
export interface RawResponse {
  /** The status of each response, in order; empty if the server closed the connection without one. */
  readonly statuses: readonly number[]
  /** Whether the connection was still open at the timeout. */
  readonly open: boolean
}

/**
 * Sends bytes to a local server unchanged, which no HTTP client does, and reads until the server closes the connection, or
 * for `timeoutMs`.
 */
export function exchange(port: number, bytes: Uint8Array, timeoutMs: number): Promise<RawResponse> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    const end = (open: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      const statuses = [...text.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status))
      resolve({ statuses, open })
    }
    const timer = setTimeout(end, timeoutMs, true)
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
