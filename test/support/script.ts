import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'

const ROOT = path.join(import.meta.dirname, '../..')

/** A running script. */
export type ScriptProcess = ChildProcessByStdio<Writable, Readable, Readable>

/** What a script printed, and its exit code. */
export interface ScriptResult {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/**
 * Starts a script of `scripts/` as a process.
 *
 * @param options.connection the storage that it works on
 * @param options.settings more of its environment
 * @param options.input its standard input; without it, there is none
 */
export function startScript(
  script: string,
  args: readonly string[],
  options: {
    readonly connection: string
    readonly settings?: NodeJS.ProcessEnv
    readonly input?: string | Uint8Array
  },
): ScriptProcess {
  const { connection, settings, input = '' } = options
  const child = spawn(process.execPath, [path.join(ROOT, 'scripts', script), ...args], {
    cwd: ROOT,
    // Jest's flags are not the script's.
    env: { ...process.env, NODE_OPTIONS: '', AzureWebJobsStorage: connection, ...settings },
    stdio: 'pipe',
  })
  child.stdin.end(input)
  return child
}

/** Waits for a script's end. */
export async function endOf(child: ScriptProcess): Promise<ScriptResult> {
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, out, error }
}
