/*
 * Bundles the package into dist/: the host (with its heavy SDKs as chunks that are loaded on first use) as a command and as a
 * library, the worker, the console's page, and the public entries `func-local` and `func-local/settings` with their types.
 */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, URL } from 'node:url'
import { build } from 'esbuild'
import ts from 'typescript'
import { buildConsole } from './build-console.js'

/**
 * An `import` of a module of Node's reads everything that it exports, and some exports are getters that load more: `WebSocket` of
 * `node:http` the whole HTTP client (undici, 50 ms of a start), those of `node:util` take 9 ms. `require` reads nothing.
 */
const lazyBuiltins = {
  name: "Node's modules without what their getters load",
  setup(bundling) {
    bundling.onResolve({ filter: /^(?:node:)?(?:http|util)$/ }, ({ namespace, path: name }) =>
      namespace === 'lazy' ? undefined : { path: name.replace(/^(?:node:)?/, 'node:'), namespace: 'lazy' },
    )
    bundling.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path: name }) => ({
      contents: `module.exports = require('${name}')`,
    }))
  },
}

const here = fileURLToPath(new URL('.', import.meta.url))
const shared = {
  absWorkingDir: here,
  bundle: true,
  platform: 'node',
  target: 'node22',
  // Some packages' CommonJS files load their parts in ways that a bundler cannot follow.
  mainFields: ['module', 'main'],
  format: 'esm',
  // Names stay as they are written, for stack traces: to set them at run time costs with every function that is made.
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  plugins: [lazyBuiltins],
  // CommonJS dependencies in an ES module bundle call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
}

rmSync(new URL('./dist', import.meta.url), { recursive: true, force: true })
const results = await Promise.all([
  build({
    ...shared,
    entryPoints: { main: 'src/main.ts', library: 'src/library.ts' },
    outdir: 'dist',
    splitting: true,
  }),
  build({ ...shared, entryPoints: { index: 'src/index.ts' }, outdir: 'dist', banner: {} }),
  build({
    ...shared,
    entryPoints: { index: 'src/index.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    define: { 'import.meta.url': '__filename' },
    banner: {},
  }),
  build({ ...shared, entryPoints: { worker: 'src/worker/main.ts' }, outdir: 'dist' }),
  build({ ...shared, entryPoints: { settings: 'src/settings.ts' }, outdir: 'dist' }),
  build({ ...shared, entryPoints: ['src/worker-session.ts'], outdir: 'dist' }),
])

writeFileSync(resolve(here, 'dist/console.html'), await buildConsole())

// An entry's types come from its file alone: what it exports is declared there.
for (const name of ['index', 'settings']) {
  const entry = resolve(here, `src/${name}.ts`)
  const { outputText, diagnostics } = ts.transpileDeclaration(readFileSync(entry, 'utf8'), {
    fileName: entry,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.NodeNext,
      isolatedDeclarations: true,
    },
  })
  if (diagnostics !== undefined && diagnostics.length > 0) {
    throw new Error(
      diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')).join('\n'),
    )
  }
  // `AsyncDisposable` is younger than the library that a project may compile against.
  const head = name === 'index' ? '/// <reference lib="esnext.disposable" />\n' : ''
  writeFileSync(resolve(here, `dist/${name}.d.ts`), head + outputText)
}
copyFileSync(resolve(here, 'dist/index.d.ts'), resolve(here, 'dist/index.d.cts'))

// The licences of what is bundled ask to be passed on with it.
const packages = new Set()
for (const { metafile } of results) {
  for (const input of Object.keys(metafile.inputs)) {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []
    if (folder !== undefined) packages.add(folder)
  }
}
const notices = [...packages].sort().map((folder) => {
  const root = resolve(here, folder)
  const { name, version, license } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'))
  const file = readdirSync(root).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : readFileSync(resolve(root, file), 'utf8').trim()
  return `${name} ${version} (${license})\n\n${text}\n`
})
writeFileSync(
  new URL('./dist/THIRD-PARTY-LICENSES.txt', import.meta.url),
  notices.join(`\n${'-'.repeat(80)}\n\n`),
)
