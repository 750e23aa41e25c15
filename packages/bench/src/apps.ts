import { execFile } from 'node:child_process'
import { access, cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import * as esbuild from 'esbuild'
import { releaseOptions, ROOT } from '../../../scripts/build.ts'
import type { OrderStore } from '../../../src/storage/orderStore.ts'

const COPY_ATTEMPTS = 20
const COPY_PAUSE_MS = 500

/** The app folders that are measured. */
export interface Apps {
  /** Ours, as it is deployed. */
  readonly ours: string
  /** Ours, as it is deployed with orders in Cosmos DB. */
  readonly cosmos: string
  /** Ours, without loading anything before it is needed. */
  readonly withoutWarmUp: string
  /** `app.http` with one handler that does nothing, bundled the same way. */
  readonly empty: string
  /** The same responses as `hello` and `order`, without anything else. */
  readonly answers: string
  /** Ours on storage in memory, bundled the same way; without the queue's function. */
  readonly memory: string
  /** Ours as the compiler leaves it, on `node_modules`. */
  readonly unbundled: string
  /** The local host's script: a copy, so that a build of it meanwhile does not change what is measured. */
  readonly host: string
  /** The local host's worker script, of the same copy. */
  readonly worker: string
}

/** Builds them all, each in a folder of its own below `folder`. */
export async function buildApps(folder: string): Promise<Apps> {
  const building = [
    bundled(path.join(folder, 'ours')),
    bundled(path.join(folder, 'cosmos'), { store: 'cosmos' }),
    bundled(path.join(folder, 'without-warm-up'), { plugins: [withoutWarmUp] }),
    bundled(path.join(folder, 'empty'), { entryPoint: 'packages/bench/src/apps/empty.ts' }),
    bundled(path.join(folder, 'answers'), { entryPoint: 'packages/bench/src/apps/answers.ts' }),
    bundled(path.join(folder, 'memory'), { entryPoint: 'packages/bench/src/apps/memory.ts' }),
    compiled(path.join(folder, 'unbundled')),
    copyHost(path.join(folder, 'func-local')),
  ] as const
  // When one has failed the others have ended, too: the folder can be removed.
  await Promise.allSettled(building)
  const [ours, cosmos, cold, empty, answers, memory, unbundled, host] = await Promise.all(building)
  const worker = path.join(folder, 'func-local/dist/worker.js')
  return { ours, cosmos, withoutWarmUp: cold, empty, answers, memory, unbundled, host, worker }
}

/**
 * Copies func-local as it is published, whole: a build of it that is under way is waited for.
 *
 * @returns its script
 */
export async function copyHost(folder: string): Promise<string> {
  for (let left = COPY_ATTEMPTS; ; left--) {
    try {
      for (const name of ['bin', 'dist', 'package.json']) {
        await cp(path.join(ROOT, 'packages/func-local', name), path.join(folder, name), { recursive: true })
      }
      await access(path.join(folder, 'dist/main.js'))
      await access(path.join(folder, 'dist/worker.js'))
      return path.join(folder, 'bin/func-local.js')
    } catch (cause) {
      if (left === 0) throw new Error('func-local is not built. Run "npm ci", or its build.js.', { cause })
      await delay(COPY_PAUSE_MS)
    }
  }
}

/** Bundles an entry point as a release’s first file is, and puts beside it what is deployed with it. */
async function bundled(
  folder: string,
  {
    entryPoint,
    plugins = [],
    store = 'tables',
  }: {
    readonly entryPoint?: string
    readonly plugins?: readonly esbuild.Plugin[]
    readonly store?: OrderStore
  } = {},
): Promise<string> {
  const [first, later] = releaseOptions(store).map((options) => ({
    ...options,
    plugins: [...plugins, ...(options.plugins ?? [])],
    outdir: path.join(folder, 'dist'),
    logLevel: 'warning' as const,
  }))
  await esbuild.build({ ...first, ...(entryPoint !== undefined && { entryPoints: { main: entryPoint } }) })
  if (entryPoint === undefined) await esbuild.build({ ...later })
  await cp(path.join(ROOT, 'host.json'), path.join(folder, 'host.json'))
  await cp(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'))
  return folder
}

/** The same app, but that the module that warms it up does nothing. */
const withoutWarmUp: esbuild.Plugin = {
  name: 'without warm-up',
  setup(bundling) {
    bundling.onResolve({ filter: /\/warmUp\.ts$/ }, () => ({ path: 'warmUp', namespace: 'without warm-up' }))
    bundling.onLoad({ filter: /^warmUp$/, namespace: 'without warm-up' }, () => ({
      contents: 'export const warmUpWhenIdle = () => undefined, exerciseRequestAndResponse = undefined',
    }))
  },
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
