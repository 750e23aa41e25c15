import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { ROOT } from '../../scripts/build.ts'

/** What is not part of a checkout. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.azurite', 'coverage', 'local.settings.json'])

/** A copy of the checkout, to be changed by a test. */
export interface ScratchCopy {
  readonly folder: string
  /** Runs a script of the copy, or of a package, with Node in the copy. Returns its exit code and what it printed. */
  run(
    script: string,
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly output: string }>
  remove(): Promise<void>
}

/** Copies the checkout. Its packages are linked, not copied. */
export async function scratchCopy(): Promise<ScratchCopy> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scratch-copy-'))
  await cp(ROOT, folder, { recursive: true, filter: (source) => !LEFT_OUT.has(path.basename(source)) })
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  return {
    folder,
    async run(script, ...args) {
      const child = spawn(process.execPath, [path.join(folder, script), ...args], {
        cwd: folder,
        // Jest's flags are not the script's.
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const ended = once(child, 'close').then(([code]) => code as number | null)
      const printed = await Promise.all([text(child.stdout), text(child.stderr)])
      return { code: await ended, output: printed.join('') }
    },
    // A link to a folder is removed as a link.
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
