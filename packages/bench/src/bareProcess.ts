import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { Bench } from './section.ts'

/** A process of the least that there can be, which the app is compared with. */
export interface BareProcess {
  readonly child: ChildProcess
  /** Rejects when the process ends, whatever else is awaited. */
  readonly died: Promise<never>
}

/** Starts a script of `worker/` and waits for its first message: it is ready. */
export async function startBareProcess(
  script: string,
  args: readonly string[],
  { atEnd }: Pick<Bench, 'atEnd'>,
): Promise<BareProcess> {
  const child = fork(path.join(import.meta.dirname, 'worker', script), args, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  const died = once(child, 'exit').then(([code, signal]: (string | number | null)[]) => {
    throw new Error(`${script} ended (${String(signal ?? code)}); its output is above.`)
  })
  died.catch(() => undefined)
  atEnd(async () => {
    child.kill('SIGKILL')
    await died.catch(() => undefined)
  })
  await Promise.race([once(child, 'message'), died])
  return { child, died }
}
