import type { IncomingMessage, ServerResponse } from 'node:http'
import type { InvocationFeed } from '../host/invocation-feed.ts'
import type { Log } from '../host/log.ts'
import type { Keys } from '../http/keys.ts'
import { isLocalName, isLoopback } from '../http/request-origin.ts'
import type { RequestTarget } from '../http/request-target.ts'
import type { ShownGeneration } from './app-state.ts'
import type { ConsoleEndpoint } from './endpoint.ts'
import { createHostRecord } from './host-record.ts'
import { createInvocationRing } from './invocation-ring.ts'
import { isConsolePath } from './messages.ts'
import type { QueueConfiguration } from './queues.ts'

/** What the console shows and does comes from here. */
export interface ConsoleOptions {
  readonly runner: {
    /** `undefined` while no version of the app runs. */
    readonly now: () => ShownGeneration | undefined
  }
  readonly configuration: () => QueueConfiguration
  readonly invocations: InvocationFeed
  readonly appDirectory: string
  readonly version: string
  readonly keys: Keys | undefined
  readonly log: Log
}

/** The console of a host: a page for browsers, and what the page asks for. */
export interface HostConsole {
  /** A log whose `info`, `warn` and `error` the console shows as well. */
  readonly log: Log
  /** Handles a request, `false` when it is not for the console. */
  readonly handle: (
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
  ) => Promise<boolean>
  /** Ends the streams of open pages. */
  readonly close: () => void
}

/**
 * Creates the console. Until a browser asks for it, all it does is to keep the latest invocations and lines of the host.
 *
 * It answers this machine only: what connects from elsewhere, or by another name, is not for it.
 */
export function createConsole(options: ConsoleOptions): HostConsole {
  const { log } = options
  const record = createHostRecord(log)
  const ring = createInvocationRing(options.invocations, log.redact)
  let endpoint: Promise<ConsoleEndpoint> | undefined
  let opened: ConsoleEndpoint | undefined
  let isClosed = false

  return {
    log: record.log,
    handle: async (request, response, target) => {
      if (!isForConsole(request, target.path) || !isFromHere(request)) return false
      // Most starts need none of it.
      endpoint ??= import('./endpoint.ts').then(({ openConsole }) => openConsole(options, record, ring))
      opened = await endpoint
      // It was closed while its code was loaded.
      if (isClosed) opened.close()
      await opened.handle(request, response, target)
      return true
    },
    close: () => {
      isClosed = true
      opened?.close()
    },
  }
}

function isForConsole({ method, headers }: IncomingMessage, path: string): boolean {
  if (isConsolePath(path)) return true
  // What asks for HTML is a browser; curl and the like take anything.
  return (
    path === '/' && (method === 'GET' || method === 'HEAD') && /\btext\/html\b/i.test(headers.accept ?? '')
  )
}

/** Whether this machine sent it, under one of its own names. */
function isFromHere({ socket, headers }: IncomingMessage): boolean {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  return isLoopback(address) && isLocalName(headers.host ?? '')
}
