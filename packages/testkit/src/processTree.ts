import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** The processes that a process has started, and those that they have started, as `ps` sees them. */
export async function descendants(
  pid: number,
): Promise<{ readonly pid: number; readonly command: string }[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args='])
  const processes = stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)
    return match === null
      ? []
      : [{ pid: Number(match[1]), parent: Number(match[2]), command: match[3] ?? '' }]
  })
  const below = (parent: number): typeof processes =>
    processes.filter((process) => process.parent === parent).flatMap((child) => [child, ...below(child.pid)])
  return below(pid)
}

/** The worker of a host: the process farthest down that is Node's. */
export async function workerOf(hostPid: number): Promise<number | undefined> {
  return (await descendants(hostPid)).findLast(({ command }) => /\bnode\b/.test(command))?.pid
}
