import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import * as esbuild from 'esbuild'
import { ROOT } from '../../../scripts/build.ts'

/**
 * Bundles one of the scripts in `worker/`, so that what a fresh process spends on reading TypeScript is not in the way.
 *
 * @returns the file
 */
export async function workerScript(folder: string, name: 'load' | 'firstOrder'): Promise<string> {
  const outfile = path.join(folder, 'worker', `${name}.mjs`)
  await esbuild.build({
    absWorkingDir: ROOT,
    entryPoints: [`packages/bench/src/worker/${name}.ts`],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    logLevel: 'warning',
  })
  return outfile
}

/**
 * Runs a script in a fresh Node process.
 *
 * @returns what it printed, as JSON, and the milliseconds from before the start of the process until it had ended
 * @throws when it fails
 */
export async function runFresh(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly printed: unknown; readonly elapsedMs: number }> {
  const begun = performance.now()
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  })
  const closed = once(child, 'close').then((args) => args[0] as number | null)
  const [printed, code] = await Promise.all([text(child.stdout), closed])
  const elapsedMs = performance.now() - begun
  if (code !== 0) throw new Error(`${path.basename(script)} ended with ${String(code)}: ${printed}`)
  return { printed: JSON.parse(printed) as unknown, elapsedMs }
}
