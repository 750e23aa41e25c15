import { open, rename, stat, type FileHandle } from 'node:fs/promises'
import { odata, type TableClient } from '@azure/data-tables'
import { storageCall } from '../poison/storageCall.ts'
import { parseLine, storedEntity, type StoredEntity } from './entity.ts'
import { OrdersCommandError, type Work } from './work.ts'

/**
 * Writes every record to a file, a line of JSON each, in the order of the table. Killed, it goes on where the file ends: until
 * it is whole it is called `<file>.part`.
 *
 * It is no snapshot: a record that changes meanwhile is written as it is when it is read, and one that is added behind the
 * place where the export is may be missing. A record is never deleted, so none that was there at the start is.
 *
 * @returns how many records the file has
 * @throws OrdersCommandError | StorageTroubleError
 */
export async function exportOrders(
  { table, pageSize, stopped, progress }: Work,
  file: string,
): Promise<number> {
  if ((await stat(file).catch(() => undefined)) !== undefined) {
    throw new OrdersCommandError(`${file} is there already. Name another file, or remove it.`)
  }
  const part = `${file}.part`
  const handle = await open(part, 'a+')
  try {
    const { last, lines } = await wholeLines(handle)
    let written = lines
    progress(written)
    for (const filter of filtersAfter(last)) {
      for await (const page of pages(table, filter, pageSize)) {
        if (page.length > 0)
          await handle.appendFile(page.map((entity) => `${JSON.stringify(entity)}\n`).join(''))
        written += page.length
        progress(written)
        if (stopped()) {
          throw new OrdersCommandError(`Stopped after ${written} records. Run it again to go on: ${part}`)
        }
      }
    }
    await handle.sync()
    await handle.close()
    await rename(part, file)
    return written
  } finally {
    await handle.close()
  }
}

/** What lies behind an entity, in the order of the table; each filter reads its own range and nothing else. */
function filtersAfter(last: StoredEntity | undefined): readonly (string | undefined)[] {
  if (last === undefined) return [undefined]
  return [
    odata`PartitionKey eq ${last.partitionKey} and RowKey gt ${last.rowKey}`,
    odata`PartitionKey gt ${last.partitionKey}`,
  ]
}

async function* pages(
  table: TableClient,
  filter: string | undefined,
  maxPageSize: number,
): AsyncGenerator<readonly StoredEntity[]> {
  const iterator = table
    .listEntities({
      // A property keeps its type: what is restored is what was there.
      disableTypeConversion: true,
      ...(filter !== undefined && { queryOptions: { filter } }),
    })
    .byPage({ maxPageSize })
  for (;;) {
    const page = await storageCall('read the table orders', () => iterator.next())
    if (page.done === true) return
    yield page.value.map(storedEntity)
  }
}

const NEWLINE = 10
const CHUNK = 1 << 20

/** Cuts off what a kill left of a line, and finds the last whole one. */
async function wholeLines(
  handle: FileHandle,
): Promise<{ readonly last?: StoredEntity; readonly lines: number }> {
  const buffer = Buffer.alloc(CHUNK)
  let lines = 0
  let position = 0
  /** Where the last whole line begins, and ends. */
  let begin = 0
  let end = 0
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, position)
    if (bytesRead === 0) break
    for (
      let at = buffer.indexOf(NEWLINE);
      at !== -1 && at < bytesRead;
      at = buffer.indexOf(NEWLINE, at + 1)
    ) {
      lines++
      begin = end
      end = position + at + 1
    }
    position += bytesRead
  }
  if (end < position) await handle.truncate(end)
  if (lines === 0) return { lines }
  const line = Buffer.alloc(end - begin - 1)
  await handle.read(line, 0, line.length, begin)
  return { lines, last: parseLine(line.toString('utf8')) }
}
