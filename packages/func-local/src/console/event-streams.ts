import type { ServerResponse } from 'node:http'

/** Tells the open pages what changes, over server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export interface EventStreams {
  /** Answers a request with a stream; it is refused when there are too many. */
  readonly open: (response: ServerResponse) => void
  /** Something has changed; without an open page this does nothing. */
  readonly changed: (what: 'app' | 'invocations') => void
  readonly close: () => void
}

/** What the streams tell. */
export interface EventSource {
  readonly app: () => unknown
  /** What has changed after a revision. */
  readonly invocations: (revision: number) => unknown
  readonly revision: () => number
}

interface Stream {
  readonly response: ServerResponse
  revision: number
}

/** A browser opens six connections to a host over HTTP/1.1; the others are for what its pages ask for and for the app. */
export const MOST_STREAMS = 4
const OK = 200
const TOO_MANY = 503
/** Changes are told together: thousands of invocations a second are a few events. */
const PAUSE_MS = 200
/** A page that does not read is cut off, and asks again when it does. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024

/** Creates streams that nobody reads yet. */
export function createEventStreams(source: EventSource): EventStreams {
  const streams = new Set<Stream>()
  let timer: NodeJS.Timeout | undefined
  let isAppNews = false
  let closed = false

  return {
    open: (response) => {
      if (closed || streams.size >= MOST_STREAMS) {
        response.writeHead(TOO_MANY, { 'Content-Length': 0, 'Retry-After': '5' }).end()
        return
      }
      const stream = { response, revision: 0 }
      streams.add(stream)
      response.once('close', () => streams.delete(stream))
      response.writeHead(OK, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
      send(stream, 'app', source.app())
      tellInvocations(stream)
    },
    changed: (what) => {
      if (streams.size === 0) return
      if (what === 'app') isAppNews = true
      timer ??= setTimeout(tell, PAUSE_MS)
    },
    close: () => {
      closed = true
      clearTimeout(timer)
      for (const { response } of streams) response.end()
      streams.clear()
    },
  }

  function tell(): void {
    timer = undefined
    const app = isAppNews ? source.app() : undefined
    isAppNews = false
    for (const stream of streams) {
      if (stream.response.writableLength > MOST_WAITING_BYTES) {
        stream.response.destroy()
        continue
      }
      if (app !== undefined) send(stream, 'app', app)
      if (stream.revision !== source.revision()) tellInvocations(stream)
    }
  }

  function tellInvocations(stream: Stream): void {
    const changes = source.invocations(stream.revision)
    stream.revision = source.revision()
    send(stream, 'invocations', changes)
  }
}

/** JSON has no line feeds, so that it is one line of an event. */
function send({ response }: Stream, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
