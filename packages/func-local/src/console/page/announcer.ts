import type { InvocationSummary } from '../messages.ts'
import { durationOf } from './format.ts'

const PAUSE_MS = 3000
const MOST_SAID = 3

/** Tells a screen reader what has ended, in few words and not too often. */
export function announcer(status: HTMLElement): (invocations: readonly InvocationSummary[]) => void {
  const waiting = new Map<string, InvocationSummary>()
  let left = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  return (invocations) => {
    for (const summary of invocations) {
      if (summary.outcome === 'running') continue
      if (waiting.size < MOST_SAID || waiting.has(summary.id)) waiting.set(summary.id, summary)
      else left += 1
    }
    if (waiting.size > 0 && timer === undefined) say()
  }

  function say(): void {
    const ended = [...waiting.values()].map(({ functionName, outcome, milliseconds = 0, gist }) =>
      outcome === 'failed'
        ? `${functionName} failed: ${gist}.`
        : `${functionName} succeeded, ${durationOf(milliseconds)}.`,
    )
    status.textContent = [...ended, ...(left > 0 ? [`${left} more have ended.`] : [])].join(' ')
    waiting.clear()
    left = 0
    timer = setTimeout(() => {
      timer = undefined
      if (waiting.size > 0) say()
    }, PAUSE_MS)
  }
}
