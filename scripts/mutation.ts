import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { ROOT } from './build.ts'

// Runs the mutation tests of a scope (stryker.config.js):
// `npm run mutation -- func-local [--tests <pattern>] [--mutate "packages/func-local/src/clock.ts"] [any flag of Stryker]`.

const [scope, ...rest] = process.argv.slice(2)
const at = rest.indexOf('--tests')
const [, tests] = at < 0 ? [] : rest.splice(at, 2)
if (scope === undefined || scope.startsWith('-')) {
  console.error(
    'Say what to mutate: npm run mutation -- <scope> [--tests <pattern>] [flags of Stryker]. The scopes are in stryker.config.js: func-local, app.',
  )
  process.exitCode = 1
} else {
  const manifest = createRequire(import.meta.url).resolve('@stryker-mutator/core/package.json')
  const stryker = path.join(path.dirname(manifest), 'bin', 'stryker.js')
  const child = spawn(process.execPath, [stryker, 'run', 'stryker.config.js', ...rest], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, MUTATION_SCOPE: scope, ...(tests === undefined ? {} : { MUTATION_TESTS: tests }) },
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 1
}
