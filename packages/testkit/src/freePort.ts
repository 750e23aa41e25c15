import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Above the ports of common services, below the ports for outgoing connections (from 32768, on Linux). */
const RANGE = { least: 12_000, most: 32_000 }

/**
 * A port of 127.0.0.1 that is free, and likely to stay free while a process that uses it is restarted: the system does not
 * assign ports of this range to outgoing connections.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(RANGE.least, RANGE.most)
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    } catch {
      continue
    } finally {
      server.close()
    }
    await once(server, 'close')
    return port
  }
}
