import { spawn } from 'node:child_process'

const TELL = 'ended\n'

/**
 * Ends a worker when this process is gone without a word (SIGKILL, a crash of the system's choosing). A worker that runs
 * its event loop notices by itself; one in an endless loop, or held by a debugger, does not. A shell waits for the end of
 * its input, which comes with the end of this process; on Windows the system itself ends child processes with their
 * parent (https://docs.libuv.org/en/v1.x/process.html).
 *
 * @returns to be called when the worker has ended; resolves when the shell has ended, too
 */
export function superviseByShell(pid: number): () => Promise<void> {
  if (process.platform === 'win32') return () => Promise.resolve()
  const shell = spawn('/bin/sh', ['-c', 'read -r line || kill -9 "$1"', 'func-local', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A session of its own: Ctrl-C in the terminal must not end it before its worker.
    detached: true,
    env: {},
  })
  const ended = new Promise<void>((resolve) => {
    shell.once('exit', () => {
      resolve()
    })
    shell.once('error', () => {
      resolve()
    })
  })
  shell.stdin.on('error', () => undefined)
  shell.unref()
  return () => {
    // Whoever waits for the shell is not to end before it.
    shell.ref()
    shell.stdin.end(TELL)
    return ended
  }
}
