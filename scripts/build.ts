import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import * as esbuild from 'esbuild'
import { orderStore, type OrderStore } from '../src/storage/orderStore.ts'

/** The project's root folder. */
export const ROOT = path.join(import.meta.dirname, '..')

/** Where `npm start` runs the app. `dist/` holds what is deployed, and never a development build. */
export const DEVELOPMENT_FOLDER = path.join(ROOT, '.build')

/**
 * What becomes of `src/`: one bundle, with what is loaded later in chunks of its own.
 *
 * @param store that a release has the client library of
 */
export function bundleOptions(
  kind: 'development' | 'release',
  store: OrderStore = orderStore(process.env),
): esbuild.BuildOptions {
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
    // Only the Functions worker has the first: it is the library's way to the host. The second opens a browser to sign in, which
    // the app's credentials never do.
    external: ['@azure/functions-core', 'open'],
    // The library requires it, and main.ts imports it: it keeps what is registered with it, so there must be one.
    alias: {
      '@azure/functions-extensions-base': fileURLToPath(
        import.meta.resolve('@azure/functions-extensions-base'),
      ).replace(/\.mjs$/, '.js'),
    },
    plugins: [leaveOut],
    define: {
      ...commitDefinition(process.env['ORDERS_COMMIT']),
      // Its client library is a quarter of the package: it is in those that are built for it, and in every development build.
      ...(kind === 'release' && { ORDERS_WITH_COSMOS: String(store === 'cosmos') }),
    },
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
 * the library, in one file that needs no other one. What is imported dynamically follows, in files of its own. As one bundle,
 * with what both need in chunks that the first file imports, a cold start takes 4 ms longer (docs/performance.md, "What was
 * tried").
 */
export function releaseOptions(
  store?: OrderStore,
): readonly [first: esbuild.BuildOptions, later: esbuild.BuildOptions] {
  const options = bundleOptions('release', store)
  return [
    { ...options, splitting: false, plugins: [leaveOut, firstFile] },
    {
      ...options,
      outbase: 'src',
      entryPoints: ['src/composition.ts', 'src/functions/*.ts'],
      plugins: [leaveOut, smallPages],
    },
  ]
}

/**
 * Parts of client libraries that are loaded with them and that the app never calls, a fifth of the package, each with what it
 * exports: checksums by CRC-64 (a WebAssembly module, used when an option asks for it), signing tokens with a certificate, blobs
 * by SQL, and deleting blobs by the hundred. Whoever calls one is told.
 */
const LEFT_OUT: readonly { readonly file: RegExp; readonly exports: string }[] = [
  { file: /[\\/]storage-common[\\/]dist[\\/]esm[\\/]crc64\.js$/, exports: 'default' },
  { file: /[\\/]node_modules[\\/]jsonwebtoken[\\/]index\.js$/, exports: 'default' },
  { file: /[\\/]storage-blob[\\/]dist[\\/]esm[\\/]BlobQueryResponse\.js$/, exports: 'BlobQueryResponse' },
  { file: /[\\/]storage-blob[\\/]dist[\\/]esm[\\/]BlobBatchClient\.js$/, exports: 'BlobBatchClient' },
]
const leaveOut: esbuild.Plugin = {
  name: 'leave out',
  setup(bundling) {
    for (const { file: filter, exports } of LEFT_OUT) {
      bundling.onLoad({ filter }, ({ path: file }) => {
        const name = path.basename(file)
        const message = `${name} is left out of the package: see LEFT_OUT in scripts/build.ts.`
        const contents = `function leftOut() { throw new Error(${JSON.stringify(message)}) }\nexport { leftOut as ${exports} }`
        return { contents, loader: 'js' }
      })
    }
  },
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

/** Minifies the styles and scripts in pages. Their Content Security Policy is computed from what is served. */
const smallPages: esbuild.Plugin = {
  name: 'small pages',
  setup(bundling) {
    bundling.onLoad({ filter: /\.html$/ }, async ({ path: file }) => {
      let page = await readFile(file, 'utf8')
      for (const [tag, loader] of [
        ['style', 'css'],
        ['script', 'js'],
      ] as const) {
        const [whole, open = '', content = ''] =
          new RegExp(`(<${tag}[^>]*>)(.*?)</${tag}>`, 's').exec(page) ?? []
        if (whole === undefined) continue
        const { code } = await esbuild.transform(content, {
          loader,
          minify: true,
          ...(loader === 'js' && { format: 'esm', target: 'es2022' }),
        })
        page = page.replace(whole, () => `${open}${code.trim()}</${tag}>`)
      }
      return { contents: page, loader: 'text' }
    })
  },
}

/** Deletes the chunks of earlier builds beside what has just been built: what lies in `dist/` is deployed. */
export async function removeStaleOutput(...metafiles: readonly esbuild.Metafile[]): Promise<void> {
  const files = metafiles.flatMap(({ outputs }) => Object.keys(outputs))
  const current = new Set(files.map((file) => path.resolve(ROOT, file)))
  for (const folder of new Set([...current].map((file) => path.dirname(file)))) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name)
      if (!entry.isDirectory() && !current.has(file)) await rm(file)
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
