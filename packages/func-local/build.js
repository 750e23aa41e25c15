/*
 * Bundles the package into dist/: the host (with its heavy SDKs as chunks that are loaded on first use) and the worker.
 */
import { rmSync } from 'node:fs'
import { fileURLToPath, URL } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const shared = {
  absWorkingDir: here,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Some packages' CommonJS files load their parts in ways that a bundler cannot follow.
  mainFields: ['module', 'main'],
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'external',
  logLevel: 'warning',
  // CommonJS dependencies in an ES module bundle call `require` for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
}

rmSync(new URL('./dist', import.meta.url), { recursive: true, force: true })
await Promise.all([
  build({ ...shared, entryPoints: { main: 'src/main.ts' }, outdir: 'dist', splitting: true }),
  build({ ...shared, entryPoints: { worker: 'src/worker/main.ts' }, outdir: 'dist' }),
])
