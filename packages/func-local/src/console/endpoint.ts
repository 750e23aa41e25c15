import { realpathSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as v from 'valibot'
import { BindingError } from '../host/function.ts'
import { readJsonRequest } from '../http/json-request.ts'
import { isForeign } from '../http/request-origin.ts'
import type { RequestTarget } from '../http/request-target.ts'
import { writeStatus } from '../http/response.ts'
import { shownFunctions } from './app-state.ts'
import type { ConsoleOptions } from './console.ts'
import { createEventStreams } from './event-streams.ts'
import type { HostRecord } from './host-record.ts'
import type { InvocationRing } from './invocation-ring.ts'
import { CONSOLE_PATH, type AppState, type InvocationChanges } from './messages.ts'
import { readPage, type Page } from './page-file.ts'
import { depthsOf, lookInto, namedQueues, sendTo, type NamedQueue } from './queues.ts'

/** What answers the page. */
export interface ConsoleEndpoint {
  readonly handle: (
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
  ) => Promise<void>
  readonly close: () => void
}

const STATUS = {
  ok: 200,
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
} as const

/** A message for a queue, as text or in Base64. */
const messageSchema = v.strictObject({
  queue: v.string(),
  message: v.union([
    v.strictObject({ text: v.string() }),
    v.strictObject({ base64: v.pipe(v.string(), v.base64()) }),
  ]),
})

/** Opens the console, which tells open pages what happens from now on. */
export function openConsole(
  options: ConsoleOptions,
  record: HostRecord,
  ring: InvocationRing,
): ConsoleEndpoint {
  const { runner, configuration, keys, log } = options
  const appDirectory = realpathSync(options.appDirectory)
  const streams = createEventStreams({ app: appState, invocations, revision: ring.revision })
  let page: Promise<Page> | undefined
  // Whatever changes the app is said by the host: it starts, crashes, is loaded again.
  record.watch(() => {
    streams.changed('app')
  })
  ring.watch(() => {
    streams.changed('invocations')
  })

  return {
    close: () => {
      record.watch(undefined)
      ring.watch(undefined)
      streams.close()
    },
    handle: async (request, response, { path, search }) => {
      const route = path.toLowerCase().replace(/\/$/, '').replace(CONSOLE_PATH, '')
      const { method } = request
      if (route === '' && (method === 'GET' || method === 'HEAD')) {
        request.resume()
        page ??= readPage()
        const { headers, content } = await page
        response.writeHead(STATUS.ok, headers).end(method === 'HEAD' ? undefined : content)
        return
      }
      const status = refusal(request, method, route)
      if (status !== undefined) {
        request.resume()
        writeStatus(response, status, status === STATUS.unauthorized ? { 'WWW-Authenticate': 'Bearer' } : {})
        return
      }
      const query = new URLSearchParams(search)
      if (route === '/messages' && method === 'POST') await takeMessage(request, response)
      else {
        request.resume()
        await read(route, query, response)
      }
    },
  }

  function refusal(request: IncomingMessage, method: string | undefined, route: string): number | undefined {
    if (isForeign(request)) return STATUS.forbidden
    if (keys?.allows(request, 'admin') === false) return STATUS.unauthorized
    return method === 'GET' || (method === 'POST' && route === '/messages')
      ? undefined
      : STATUS.methodNotAllowed
  }

  async function read(route: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    if (route === '/events') {
      streams.open(response)
      return
    }
    if (route === '/queues') {
      json(response, await depthsOf(queues(), configuration()))
      return
    }
    const queue = route === '/messages' ? queueWith(query.get('queue')) : undefined
    const found =
      queue !== undefined
        ? await lookInto(queue, query.has('poison'), configuration(), log.redact)
        : route === '/invocation'
          ? ring.find(query.get('id') ?? '')
          : undefined
    if (found === undefined) writeStatus(response, STATUS.notFound)
    else json(response, found)
  }

  async function takeMessage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJsonRequest(request, response)
    if (body === undefined) return
    const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), messageSchema), body.toString('utf8'))
    if (!parsed.success) {
      writeStatus(response, STATUS.badRequest)
      return
    }
    const { queue: id, message } = parsed.output
    const queue = queueWith(id)
    if (queue === undefined || queue.isPattern) {
      writeStatus(response, STATUS.notFound)
      return
    }
    const bytes = 'text' in message ? Buffer.from(message.text) : Buffer.from(message.base64, 'base64')
    try {
      await sendTo(queue, bytes, configuration())
      json(response, { sent: true })
    } catch (error) {
      if (!(error instanceof BindingError)) throw error
      json(response, { sent: false, reason: log.redact(error.message) })
    }
  }

  function queues(): readonly NamedQueue[] {
    return namedQueues(runner.now()?.functions ?? [], configuration().settings)
  }

  function queueWith(id: string | null): NamedQueue | undefined {
    return queues().find((queue) => queue.id === id)
  }

  function appState(): AppState {
    const generation = runner.now()
    const { settings } = configuration()
    return {
      appDirectory,
      version: options.version,
      phase: generation === undefined ? 'loading' : 'running',
      workerPid: generation?.worker.pid,
      functions:
        generation === undefined
          ? []
          : shownFunctions(generation, settings).map(({ reason, ...fn }) => ({
              ...fn,
              reason: reason === undefined ? undefined : log.redact(reason),
            })),
      entries: record.entries(),
    }
  }

  function invocations(revision: number): InvocationChanges {
    return {
      ...{ total: ring.total(), failed: ring.failed(), running: ring.running() },
      invocations: ring.changedSince(revision),
    }
  }
}

function json(response: ServerResponse, value: unknown): void {
  if (response.destroyed) return
  const text = JSON.stringify(value)
  response.writeHead(STATUS.ok, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(text)
}
