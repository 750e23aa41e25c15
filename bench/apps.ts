import { execFile } from 'node:child_process'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import * as esbuild from 'esbuild'
import { bundleOptions, ROOT } from '../scripts/build.ts'

/** The app folders that are measured. */
export interface Apps {
  /** Ours, as it is deployed. */
  readonly ours: string
  /** `app.http` with one handler that does nothing, bundled the same way. */
  readonly empty: string
  /** Ours on storage in memory, bundled the same way; without the queue's function. */
  readonly memory: string
  /** Ours as the compiler leaves it, on `node_modules`. */
  readonly unbundled: string
}

/** Builds them all, each in a folder of its own below `folder`. */
export async function buildApps(folder: string): Promise<Apps> {
  const [ours, empty, memory, unbundled] = await Promise.all([
    bundled(path.join(folder, 'ours'), 'src/main.ts'),
    bundled(path.join(folder, 'empty'), 'bench/apps/empty.ts'),
    bundled(path.join(folder, 'memory'), 'bench/apps/memory.ts'),
    compiled(path.join(folder, 'unbundled')),
  ])
  return { ours, empty, memory, unbundled }
}

/** Bundles an entry point as a release is, and puts beside it what is deployed with it. */
async function bundled(folder: string, entryPoint: string): Promise<string> {
  await esbuild.build({
    ...bundleOptions('release'),
    entryPoints: { main: entryPoint },
    outdir: path.join(folder, 'dist'),
    logLevel: 'warning',
  })
  await cp(path.join(ROOT, 'host.json'), path.join(folder, 'host.json'))
  await cp(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'))
  return folder
}

/** What `tsc` makes of `src/`: every module a file, every package from `node_modules`. */
async function compiled(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true })
  const project = path.join(folder, 'tsconfig.json')
  await writeFile(
    project,
    JSON.stringify({
      extends: path.join(ROOT, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        rootDir: ROOT,
        outDir: path.join(folder, 'dist'),
        typeRoots: [path.join(ROOT, 'node_modules/@types')],
      },
      include: [path.join(ROOT, 'src')],
      exclude: [],
    }),
  )
  const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [compiler, '-p', project])
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction')
  await cp(path.join(ROOT, 'host.json'), path.join(folder, 'host.json'))
  const manifest = { type: 'module', main: 'dist/src/main.js' }
  await writeFile(path.join(folder, 'package.json'), JSON.stringify(manifest))
  return folder
}
