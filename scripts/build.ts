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
    define: commitDefinition(process.env['ORDERS_COMMIT']),
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

/** The commit that `hello` names (src/functions/commit.ts): a release is told it, a build on a developer's machine is not. */
function commitDefinition(commit: string | undefined): Record<string, string> {
  if (commit === undefined || commit === '') return {}
  if (!/^[0-9a-f]{40}$/.test(commit)) throw new Error(`ORDERS_COMMIT is not a commit hash: ${commit}`)
  return { ORDERS_COMMIT: JSON.stringify(commit) }
}

/**
 * A release, in two bundles. The worker waits for the first file when an instance starts: which functions there are, and
 * the library, in one file that needs no other one. What they do follows, in chunks of its own.
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
    // Names for stack traces are set one by one, when the file is loaded: here that would take longest.
    { ...options, splitting: false, keepNames: false, plugins: [first, usedModules] },
    { ...options, entryPoints: ['src/handlers.ts'], plugins: [usedModules] },
  ]
}

/** Of `src/`, and of the library, only what is used: a registration needs no handler, and a handler no library. */
const usedModules: esbuild.Plugin = {
  name: 'used modules',
  setup(bundling) {
    const source = path.join(ROOT, 'src') + path.sep
    bundling.onResolve({ filter: /^@azure\/functions$/ }, ({ importer, kind }) =>
      kind === 'import-statement' && importer.startsWith(source)
        ? { path: 'library', namespace: 'used names', sideEffects: false }
        : undefined,
    )
    // The library is CommonJS: every module that imports it would copy all it exports when it is loaded.
    bundling.onLoad({ filter: /^library$/, namespace: 'used names' }, async () => ({
      contents: [
        `const library = require('@azure/functions')`,
        ...Object.keys((await import('@azure/functions')).default).map(
          (name) => `export const ${name} = /* @__PURE__ */ (() => library.${name})()`,
        ),
      ].join('\n'),
      resolveDir: ROOT,
    }))
    bundling.onResolve({ filter: /^\.\.?\// }, async ({ path: name, pluginData, ...args }) => {
      if (pluginData === usedModules || !args.importer.startsWith(source)) return undefined
      const { path: file, errors } = await bundling.resolve(name, { ...args, pluginData: usedModules })
      return { path: file, errors, sideEffects: false }
    })
  },
}

/** Deletes the chunks of earlier builds: what lies in `dist/` is deployed. */
export async function removeStaleOutput(...metafiles: readonly esbuild.Metafile[]): Promise<void> {
  const files = metafiles.flatMap(({ outputs }) => Object.keys(outputs))
  const current = new Set(files.map((file) => path.resolve(ROOT, file)))
  const dist = path.join(ROOT, 'dist')
  for (const name of await readdir(dist)) {
    const file = path.join(dist, name)
    if (!current.has(file)) await rm(file, { recursive: true })
  }
}

/** Builds `dist/`. Errors and warnings are printed. Answers whether it succeeded. */
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
