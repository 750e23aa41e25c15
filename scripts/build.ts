import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'

/** The project's root folder. */
export const ROOT = path.join(import.meta.dirname, '..')

/** What becomes of `src/`: one bundle in `dist/`, with what is loaded later in chunks of its own. */
export function bundleOptions(kind: 'development' | 'release'): esbuild.BuildOptions {
  return {
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts'],
    outdir: 'dist',
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
 * the library, in one file that needs no other one. What is imported dynamically follows, in files of its own.
 */
export function releaseOptions(): readonly [first: esbuild.BuildOptions, later: esbuild.BuildOptions] {
  const options = bundleOptions('release')
  return [
    // Names for stack traces are set one by one, when the file is loaded: here that would take longest.
    { ...options, splitting: false, keepNames: false, plugins: [firstFile] },
    { ...options, outbase: 'src', entryPoints: ['src/composition.ts', 'src/functions/*.ts'] },
  ]
}

/** Leaves what `src/` imports dynamically to the second bundle. */
const firstFile: esbuild.Plugin = {
  name: 'first file',
  setup(bundling) {
    const source = path.join(ROOT, 'src')
    bundling.onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path: name, resolveDir }) => {
      if (kind !== 'dynamic-import' || !resolveDir.startsWith(source)) return undefined
      const file = path.relative(source, path.resolve(resolveDir, name)).replaceAll(path.sep, '/')
      return { path: `./${file.replace(/\.ts$/, '.js')}`, external: true }
    })
  },
}

/** Deletes the chunks of earlier builds: what lies in `dist/` is deployed. */
export async function removeStaleOutput(...metafiles: readonly esbuild.Metafile[]): Promise<void> {
  const files = metafiles.flatMap(({ outputs }) => Object.keys(outputs))
  const current = new Set(files.map((file) => path.resolve(ROOT, file)))
  const dist = path.join(ROOT, 'dist')
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && !current.has(file)) await rm(file)
  }
}

/** Builds `dist/`. Errors and warnings are printed. Returns whether it succeeded. */
export async function build(kind: 'development' | 'release'): Promise<boolean> {
  const bundles = kind === 'release' ? releaseOptions() : [bundleOptions(kind)]
  try {
    const results = await Promise.all(
      bundles.map((options) => esbuild.build({ ...options, metafile: true, logLevel: 'warning' })),
    )
    await removeStaleOutput(...results.map(({ metafile }) => metafile))
    return true
  } catch {
    return false
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await build('release')) ? 0 : 1
}
