import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { STORE_SETTING } from '../../../../src/storage/names.ts'
import type { OrderStore } from '../../../../src/storage/orderStore.ts'
import type { Edit } from './bugs.ts'

const ROOT = path.join(import.meta.dirname, '../../../..')

/** What a build of the app reads. */
const SOURCES = [
  'src',
  'scripts/build.ts',
  'packages/api-page/page.html',
  'host.json',
  'package.json',
  'tsconfig.json',
]

/** A built copy of the app. */
export interface PlantedApp {
  readonly folder: string
  remove(): Promise<void>
}

/**
 * Builds a copy of the app in which the texts are replaced.
 *
 * @param store where the copy can have its records
 * @throws Error if a file does not hold a text exactly once, or the copy cannot be built
 */
export async function buildPlanted(
  edits: readonly Edit[],
  store: OrderStore = 'tables',
): Promise<PlantedApp> {
  const folder = await mkdtemp(path.join(tmpdir(), 'planted-bug-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    for (const source of SOURCES) {
      await cp(path.join(ROOT, source), path.join(folder, source), { recursive: true })
    }
    await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
    for (const edit of edits) {
      const file = path.join(folder, edit.file)
      await writeFile(file, edited(await readFile(file, 'utf8'), edit))
    }
    const build = spawn(process.execPath, [path.join(folder, 'scripts/build.ts')], {
      env: { ...process.env, [STORE_SETTING]: store },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = once(build, 'close')
    const output = await text(build.stderr)
    const [code] = (await ended) as [number | null]
    if (code !== 0) throw new Error(`The planted app cannot be built:\n${output}`)
    return { folder, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** @throws Error if the content does not hold the text exactly once */
export function edited(content: string, { file, text: before, by }: Edit): string {
  if (content.split(before).length !== 2) throw new Error(`${file} does not hold this once:\n${before}`)
  return content.replace(before, () => by)
}
