import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** All descendants of a process, as `ps` lists them. */
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

/** The worker process of a host: its deepest descendant that is a Node process. */
export async function workerOf(hostPid: number): Promise<number | undefined> {
  return (await descendants(hostPid)).findLast(({ command }) => /\bnode\b/.test(command))?.pid
}
