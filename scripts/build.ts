import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'

/** The project's root folder. */
export const ROOT = path.join(import.meta.dirname, '..')

/** Where `npm start` runs the app. `dist/` holds what is deployed, and never a development build. */
export const DEVELOPMENT_FOLDER = path.join(ROOT, '.build')

/** What becomes of `src/`: one bundle, with what is loaded later in chunks of its own. */
export function bundleOptions(kind: 'development' | 'release'): esbuild.BuildOptions {
  return {
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    outdir: kind === 'release' ? 'dist' : path.join(DEVELOPMENT_FOLDER, 'dist'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    loader: { '.html': 'text' },
    // Only the Functions worker has this module: it is the library's way to the host.
    external: ['@azure/functions-core'],
    // CommonJS packages in the bundle ask for Node's modules, and the library for the one above, by require().
    banner: {
      js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
    },
    minify: kind === 'release',
    keepNames: kind === 'release',
    sourcemap: kind === 'development' && 'linked',
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
  }
}

/**
 * A release, in two bundles. The worker waits for the first file when an instance starts: which functions there are, and
 * the library, in one file that needs no other one. What they do follows, in chunks of its own. As one bundle, with what
 * both need in chunks that the first file imports, a cold start takes 4 ms longer (docs/performance.md, "What was tried").
 */
export function releaseOptions(): readonly [first: esbuild.BuildOptions, later: esbuild.BuildOptions] {
  const options = bundleOptions('release')
  const first: esbuild.Plugin = {
    name: 'first file',
    setup(bundling) {
      bundling.onResolve({ filter: /\/handlers\.ts$/ }, ({ kind }) =>
        kind === 'dynamic-import' ? { path: './handlers.js', external: true } : undefined,
      )
    },
  }
  return [
    { ...options, splitting: false, plugins: [first, usedModules] },
    { ...options, entryPoints: ['src/handlers.ts'], plugins: [usedModules] },
  ]
}

/** Of `src/`, and of the library, only what is used: a registration needs no handler, and a handler no library. */
const usedModules: esbuild.Plugin = {
  name: 'used modules',
  setup(bundling) {
    const source = path.join(ROOT, 'src') + path.sep
    bundling.onResolve(
      { filter: /^(?:\.\.?\/|@azure\/functions$)/ },
      async ({ path: name, pluginData, ...args }) => {
        if (pluginData === usedModules || !args.importer.startsWith(source)) return undefined
        const { path: file, errors } = await bundling.resolve(name, { ...args, pluginData: usedModules })
        return { path: file, errors, sideEffects: false }
      },
    )
  },
}

/** Deletes the chunks of earlier builds beside what has just been built: what lies in `dist/` is deployed. */
export async function removeStaleOutput(...metafiles: readonly esbuild.Metafile[]): Promise<void> {
  const files = metafiles.flatMap(({ outputs }) => Object.keys(outputs))
  const current = new Set(files.map((file) => path.resolve(ROOT, file)))
  for (const folder of new Set([...current].map((file) => path.dirname(file)))) {
    for (const name of await readdir(folder)) {
      const file = path.join(folder, name)
      if (!current.has(file)) await rm(file, { recursive: true })
    }
  }
}

/** Builds `dist/`, as it is deployed. Errors and warnings are printed. Returns whether it succeeded. */
export async function build(): Promise<boolean> {
  try {
    const results = await Promise.all(
      releaseOptions().map((options) => esbuild.build({ ...options, metafile: true, logLevel: 'warning' })),
    )
    await removeStaleOutput(...results.map(({ metafile }) => metafile))
    return true
  } catch {
    return false
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await build()) ? 0 : 1
}
