import { startAzurite } from 'testkit/azurite'
import { startBenchHost, type BenchHost } from './host.ts'
import { openHttpLoad, requestBytes } from './httpLoad.ts'
import { packageSize } from './package.ts'
import { measurePairs } from './pairs.ts'
import { figureRow, ratioRow } from './report.ts'
import type { Section } from './section.ts'

const ORDER = JSON.stringify({ item: 'widget', quantity: 2 })
/** The memory is read after these numbers of calls. */
const AFTER = [0, 1000, 10_000, 20_000] as const
const CONCURRENCY = 16
/** One measurement makes 20,000 calls. */
const MOST_PAIRS = 3
const KB = 1024
const MB = 1024 * 1024

/** The worker's resident memory in bytes, after each of these numbers of calls. */
export async function memoryAfter(
  host: BenchHost,
  request: Buffer,
  numbers: readonly number[],
): Promise<number[]> {
  const load = await openHttpLoad(host.port, CONCURRENCY)
  const bytes: number[] = []
  let made = 0
  for (const calls of numbers) {
    await load.run(calls - made, request)
    made = calls
    bytes.push(await host.residentBytes())
  }
  load.close()
  return bytes
}

/** The size of the package, and the memory of the worker. */
export const footprint: Section = {
  letter: 'e',
  title: 'Package and memory',
  async run({ apps, pairs, signal, atEnd }) {
    const size = await packageSize(apps.ours)
    const azurite = await startAzurite({})
    atEnd(() => azurite.stop())
    const memory = (app: string, ready: string, request: Buffer) => async () => {
      const host = await startBenchHost({
        host: apps.host,
        app,
        environment: { AzureWebJobsStorage: azurite.connectionString },
        firstCall: { path: ready, method: 'GET', status: 200 },
      })
      const bytes = await memoryAfter(host, request, AFTER)
      await host.stop()
      return bytes
    }
    const measured = await measurePairs(
      Math.min(pairs, MOST_PAIRS),
      memory(apps.ours, '/api/hello', requestBytes('POST', '/api/order', ORDER)),
      memory(apps.empty, '/api/noop', requestBytes('POST', '/api/noop', ORDER)),
      { signal, warmUp: false },
    )
    const growth = measured.map(({ ours: [, , then = NaN, last = NaN] }) => last / then)
    return [
      figureRow({ section: 'e', what: 'package, zipped', unit: 'KB', bar: { kind: 'at most', value: 300 } }, [
        size.bytes / KB,
      ]),
      figureRow({ section: 'e', what: 'files in the package', unit: 'files' }, [size.files]),
      ...AFTER.map((calls, index) =>
        ratioRow(
          {
            section: 'e',
            what: `worker memory after ${calls.toLocaleString('en')} calls: ours / no-op`,
            unit: 'MB',
            ...(calls === 10_000 && { bar: { kind: 'at most', value: 1.5 } }),
          },
          measured,
          (bytes) => (bytes[index] ?? NaN) / MB,
        ),
      ),
      figureRow(
        {
          section: 'e',
          what: 'memory after 20,000 orders / after 10,000',
          unit: '×',
          bar: { kind: 'at most', value: 1.1 },
        },
        growth,
      ),
    ]
  },
}
