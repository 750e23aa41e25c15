import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { PACKAGE_FILES } from '../../../scripts/package.ts'

/** What of a ZIP file belongs to each entry beside its data and, twice, its name: local header and central directory. */
const ENTRY_BYTES = 30 + 46
const END_BYTES = 22

/** The deployed package of an app's folder: how many files, and how many bytes as a ZIP file. */
export async function packageSize(
  folder: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const names: string[] = []
  for (const name of PACKAGE_FILES) {
    if ((await stat(path.join(folder, name))).isFile()) names.push(name)
    else names.push(...(await filesBelow(folder, name)))
  }
  let bytes = END_BYTES
  for (const name of names) {
    const data = await readFile(path.join(folder, name))
    bytes += deflateRawSync(data, { level: 9 }).length + ENTRY_BYTES + 2 * Buffer.byteLength(name)
  }
  return { files: names.length, bytes }
}

async function filesBelow(folder: string, name: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(folder, name), { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
}
