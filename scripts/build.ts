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

/** Deletes the chunks of earlier builds: what lies in `dist/` is deployed. */
export async function removeStaleOutput(metafile: esbuild.Metafile): Promise<void> {
  const current = new Set(Object.keys(metafile.outputs).map((file) => path.resolve(ROOT, file)))
  const dist = path.join(ROOT, 'dist')
  for (const name of await readdir(dist)) {
    const file = path.join(dist, name)
    if (!current.has(file)) await rm(file, { recursive: true })
  }
}

/** Builds `dist/`. Errors and warnings are printed. Answers whether it succeeded. */
export async function build(kind: 'development' | 'release'): Promise<boolean> {
  try {
    const { metafile } = await esbuild.build({ ...bundleOptions(kind), metafile: true, logLevel: 'warning' })
    await removeStaleOutput(metafile)
    return true
  } catch {
    return false
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  process.exitCode = (await build('release')) ? 0 : 1
}
