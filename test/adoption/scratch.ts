import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { ROOT } from '../../scripts/build.ts'

/** What is not part of a checkout. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.azurite', 'coverage', 'local.settings.json'])

/** What a script printed, both streams, and how it ended. */
export interface Run {
  readonly code: number | null
  readonly output: string
}

/** A copy of the checkout, to be changed by a test. */
export interface ScratchCopy {
  readonly folder: string
  /** Runs a script of the copy, or of a package, with Node in the copy. */
  run(script: string, ...args: readonly string[]): Promise<Run>
  /** Runs Jest in the copy. */
  jest(...args: readonly string[]): Promise<Run>
  /** Replaces a text in a file, which must be there once. Returns what undoes it. */
  replace(file: string, text: string, by: string): Promise<() => Promise<void>>
  remove(): Promise<void>
}

/** Copies the checkout. Its own packages are the copy's; others are linked, unless `install` is to bring them. */
export async function scratchCopy({ linked = true } = {}): Promise<ScratchCopy> {
  const folder = await mkdtemp(path.join(tmpdir(), 'scratch-copy-'))
  await cp(ROOT, folder, { recursive: true, filter: (source) => !LEFT_OUT.has(path.basename(source)) })
  // func-local as it is built here: its settings reader is used as a package.
  const built = path.join('packages', 'func-local', 'dist')
  await cp(path.join(ROOT, built), path.join(folder, built), { recursive: true })
  if (linked) await linkPackages(folder)
  // Of the copy alone, and beside it, where no check of its files finds it.
  const cache = `${folder}-jest`

  async function run(script: string, ...args: readonly string[]): Promise<Run> {
    const child = spawn(process.execPath, [path.join(folder, script), ...args], {
      cwd: folder,
      // Jest's flags are not the script's. A short run of the fuzz tests shows that they run.
      env: { ...process.env, NODE_OPTIONS: '', FUZZ_CASES: '200' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = once(child, 'close').then(([code]) => code as number | null)
    const printed = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await ended, output: printed.join('') }
  }

  return {
    folder,
    run,
    async jest(...args) {
      // Jest itself is started by a script of its own: Node's flag for ES modules comes before it.
      const script = '.jest.mjs'
      await writeFile(
        path.join(folder, script),
        `import { spawnSync } from 'node:child_process'
const jest = 'node_modules/jest/bin/jest.js'
const { status } = spawnSync(process.execPath, ['--experimental-vm-modules', jest, ...process.argv.slice(2)], { stdio: 'inherit' })
process.exitCode = status ?? 1
`,
      )
      try {
        return await run(script, '--cacheDirectory', cache, ...args)
      } finally {
        // A test that is tried again finds the folder as it was.
        await rm(path.join(folder, script))
      }
    },
    async replace(file, before, by) {
      const target = path.join(folder, file)
      const content = await readFile(target, 'utf8')
      if (content.split(before).length !== 2) throw new Error(`${file} does not hold this once: ${before}`)
      await writeFile(
        target,
        content.replace(before, () => by),
      )
      return () => writeFile(target, content)
    },
    // A link to a folder is removed as a link.
    remove: async () => {
      for (const made of [folder, cache]) await rm(made, { recursive: true, force: true })
    },
  }
}

async function linkPackages(folder: string): Promise<void> {
  const modules = path.join(folder, 'node_modules')
  const own = await readdir(path.join(folder, 'packages'))
  await mkdir(modules)
  for (const name of await readdir(path.join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') && name !== '.bin') continue
    const source = own.includes(name)
      ? path.join(folder, 'packages', name)
      : path.join(ROOT, 'node_modules', name)
    await symlink(source, path.join(modules, name), 'junction')
  }
}
