import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const INTERVAL_MS = 1000

/**
 * Calls back when the npm that runs this script has gone: it forwards the signals that it can handle, but killed hard it
 * leaves its script behind. Does nothing if the script was not started by npm.
 */
export async function whenNpmIsGone(callback: () => void): Promise<void> {
  if (process.env['npm_lifecycle_event'] === undefined || process.platform === 'win32') return
  const npm = await npmProcess().catch(() => undefined)
  if (npm === undefined) return
  const timer = setInterval(() => {
    if (isRunning(npm)) return
    clearInterval(timer)
    callback()
  }, INTERVAL_MS)
  timer.unref()
}

/** npm itself, or the parent of the shell that it runs scripts with. */
async function npmProcess(): Promise<number> {
  const { parent, command } = await parentOf(process.ppid)
  return /^\S*sh -c /.test(command) ? parent : process.ppid
}

async function parentOf(pid: number): Promise<{ readonly parent: number; readonly command: string }> {
  if (process.platform === 'linux') {
    // Not every container has ps. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    return { parent: Number(parent), command: command.replaceAll('\0', ' ') }
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=,args=', '-p', String(pid)])
  const [, parent, command = ''] = /^\s*(\d+)\s+(.*)/.exec(stdout) ?? []
  return { parent: Number(parent), command }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Lets this process go on when nobody reads what it prints any more: `npm start | head -1` closes the pipe. */
export function goOnUnread(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}
