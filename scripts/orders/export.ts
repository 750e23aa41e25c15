import { open, rename, stat, type FileHandle } from 'node:fs/promises'
import { parseLine, type StoredEntity } from './entity.ts'
import { OrdersCommandError, type Work } from './work.ts'

/** What an export has read. */
export interface Exported {
  /** Records in the file. */
  readonly written: number
  /** What holds no order record, and is not in it. */
  readonly unreadable: number
}

/**
 * Writes every record to a file, a line of JSON each, a table in its order. Killed, it goes on where the file ends, with a table;
 * with Cosmos DB it begins again. Until it is whole the file's name says of which store it is, and ends in `.part`.
 *
 * It is no snapshot. Of a table: a record that changes meanwhile is written as it is when it is read, and one that is added behind
 * the place where the export is may be missing. Of Cosmos DB: a record that changes meanwhile may be in it twice, and what is added
 * behind its start may be missing. A record is never deleted, so none that was there at the start is missing.
 *
 * @throws OrdersCommandError | StorageTroubleError
 */
export async function exportOrders(
  { store, pageSize, stopped, progress, print }: Work,
  file: string,
): Promise<Exported> {
  if ((await stat(file).catch(() => undefined)) !== undefined) {
    throw new OrdersCommandError(`${file} is there already. Name another file, or remove it.`)
  }
  const part = `${file}.${fileNameOf(store.url)}.part`
  const handle = await open(part, store.resumes ? 'a+' : 'w+')
  try {
    const { last, lines } = await wholeLines(handle)
    let written = lines
    let unreadable = 0
    progress(written)
    for await (const page of store.pages(last, pageSize)) {
      if (page.entities.length > 0)
        await handle.appendFile(page.entities.map((entity) => `${JSON.stringify(entity)}\n`).join(''))
      for (const what of page.unreadable) print(what)
      unreadable += page.unreadable.length
      written += page.entities.length
      progress(written)
      if (stopped()) {
        throw new OrdersCommandError(
          `Stopped after ${written} records. Run it again to ${store.resumes ? 'go on' : 'begin anew'}: ${part}`,
        )
      }
    }
    await handle.sync()
    await handle.close()
    await rename(part, file)
    return { written, unreadable }
  } finally {
    await handle.close()
  }
}

/** The host and the path of an address, in characters that any file system takes. */
function fileNameOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`.replaceAll(/[^a-z0-9.]+/gi, '-').replace(/-$/, '')
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
