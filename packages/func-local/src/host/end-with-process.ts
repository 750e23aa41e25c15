import type { ChildProcess } from 'node:child_process'

// One listener for all workers of all hosts in this process: there may be many, and each would count against the limit of
// listeners, which belongs to whoever owns the process.
const children = new Set<ChildProcess>()

/** Kills a child process when this process exits; the returned function gives it up. */
export function endWithProcess(child: ChildProcess): () => void {
  if (children.size === 0) process.on('exit', killAll)
  children.add(child)
  return () => {
    children.delete(child)
    if (children.size === 0) process.off('exit', killAll)
  }
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL')
}
