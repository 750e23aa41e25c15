/** One part of the warm-up. It may block the event loop: nothing that arrives meanwhile gets its turn before it ends. */
export type WarmUpStep = () => unknown

/** Before the first step: the host's messages while an instance starts follow each other faster than that. */
const FIRST_IDLE_MS = 10
/** Before each further step: what arrived during the last one goes first. */
const NEXT_IDLE_MS = 2
/** An event loop that worked less than this part of the time was idle. */
const MOST_BUSY = 0.3

/** Waits until the worker has had nothing to do for some milliseconds. */
export type WaitForIdle = (milliseconds: number) => Promise<void>

/**
 * Runs the steps one after the other, each when the worker is idle. A cold start and the calls after it go first: a step in
 * between would delay them by all it takes (docs/performance.md, "Warm-up"). A step that fails is skipped: a warm-up does
 * nothing that the first call would not do itself.
 */
export async function warmUpWhenIdle(
  steps: readonly WarmUpStep[],
  waitForIdle: WaitForIdle = eventLoopIdle,
): Promise<void> {
  let idleMs = FIRST_IDLE_MS
  for (const step of steps) {
    await waitForIdle(idleMs)
    idleMs = NEXT_IDLE_MS
    try {
      await step()
    } catch {
      // The first call that needs it meets the same failure, and reports it.
    }
  }
}

/**
 * Takes a body through a `Request` and a `Response`, as the library does with every call: code that has run once is compiled.
 */
export async function exerciseRequestAndResponse(): Promise<void> {
  const request = new Request('http://localhost/', { method: 'POST', body: '{}' })
  const headers = { 'content-type': 'application/json' }
  await new Response(await request.text(), { headers }).body?.values().next()
}

/** https://nodejs.org/api/perf_hooks.html#performanceeventlooputilizationutilization1-utilization2 */
async function eventLoopIdle(milliseconds: number): Promise<void> {
  let before = performance.eventLoopUtilization()
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, milliseconds).unref())
    const now = performance.eventLoopUtilization()
    if (performance.eventLoopUtilization(now, before).utilization < MOST_BUSY) return
    before = now
  }
}
