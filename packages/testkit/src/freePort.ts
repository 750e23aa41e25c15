import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Above what services use, below what systems give to outgoing connections (from 32768 on, on Linux). */
const RANGE = { least: 12_000, most: 32_000 }

/**
 * A port of 127.0.0.1 that is free now, and likely to be free again after whoever listens there has died: no outgoing
 * connection is given it meanwhile.
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
