import type { AppState, InvocationChanges } from '../messages.ts'
import { KeyNeededError, openStream } from './host-api.ts'

/** What becomes known from the stream. */
export interface StreamListener {
  /** `isFirst`: of a new connection, so that it has everything. */
  readonly app: (state: AppState, isFirst: boolean) => void
  readonly invocations: (changes: InvocationChanges, isFirst: boolean) => void
  readonly connected: () => void
  /** The connection has ended, and is tried again. */
  readonly lost: (reason: string) => void
  readonly keyNeeded: () => void
}

const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 5000

/** Follows the stream for as long as the page is open; returns what ends the wait for the next try. */
export function followStream(listener: StreamListener): () => void {
  let wake: () => void = () => undefined
  void follow()
  return () => {
    wake()
  }

  async function follow(): Promise<void> {
    let delay = FIRST_DELAY_MS
    for (;;) {
      try {
        await readStream()
        delay = FIRST_DELAY_MS
        listener.lost('The host has stopped.')
      } catch (error) {
        if (error instanceof KeyNeededError) {
          listener.keyNeeded()
          await new Promise<void>((resolve) => (wake = resolve))
          continue
        }
        listener.lost(error instanceof Error ? error.message : String(error))
      }
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, delay)
      })
      delay = Math.min(LONGEST_DELAY_MS, delay * 2)
    }
  }

  // https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, as far as the host uses it. An
  // EventSource could not send the key in a header.
  async function readStream(): Promise<void> {
    const reader = (await openStream(new AbortController().signal))
      .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
      .getReader()
    listener.connected()
    const seen = new Set<string>()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const events = (rest + value).split('\n\n')
      rest = events.pop() ?? ''
      for (const event of events) {
        // JSON may hold U+2028 and U+2029, which end a line for `.` but not in a stream of events.
        const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
        if (name === 'app') listener.app(JSON.parse(data) as AppState, !seen.has(name))
        else if (name === 'invocations')
          listener.invocations(JSON.parse(data) as InvocationChanges, !seen.has(name))
        seen.add(name)
      }
    }
  }
}
