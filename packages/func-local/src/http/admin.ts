import type { IncomingMessage, ServerResponse } from 'node:http'
import { isObject } from '../config/json-file.ts'
import type { AppRunner } from '../host/app-runner.ts'
import type { LoadedFunction } from '../host/generation.ts'
import type { Log } from '../host/log.ts'
import type { TriggerEvent } from '../registry.ts'
import { homePage } from './home-page.ts'
import type { Keys } from './keys.ts'
import { BodyTooLargeError, readBody } from './request.ts'
import { writeStatus } from './response.ts'
import type { HostRoute } from './server.ts'

/** What the host's own endpoints need. */
export interface AdminOptions {
  readonly runner: AppRunner
  readonly instanceId: string
  readonly version: string
  readonly keys: Keys | undefined
  readonly log: Log
}

const STATUS = {
  ok: 200,
  accepted: 202,
  noContent: 204,
  badRequest: 400,
  unauthorized: 401,
  notFound: 404,
  tooLarge: 413,
} as const
const INPUT_LIMIT = 104_857_600
const CALLED_VIA_HOST = 'This function was programmatically called via the host APIs.'

/**
 * The host's own endpoints: the page at `/`, and of the admin API what is useful on a developer's machine.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http and
 * https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost/Controllers
 */
export function createAdminApi(options: AdminOptions): HostRoute {
  const { runner, keys } = options
  return async (request, response, path) => {
    const { method } = request
    if (path === '/' && (method === 'GET' || method === 'HEAD') && !isAppRoute()) {
      request.resume()
      await home(response)
      return true
    }
    const [first, second, name, ...rest] = path.slice(1).replace(/\/$/, '').split('/')
    // The app cannot have routes here, so whatever is not known is not found.
    if (first?.toLowerCase() === 'runtime') return answer(request, response, STATUS.notFound)
    if (first?.toLowerCase() !== 'admin') return false
    if (keys?.allows(request, 'admin') === false) return answer(request, response, STATUS.unauthorized)
    const area = second?.toLowerCase()
    if (rest.length > 0) return answer(request, response, STATUS.notFound)
    if (area === 'host' && name?.toLowerCase() === 'status' && method === 'GET') {
      return json(request, response, status())
    }
    if (area === 'host' && name?.toLowerCase() === 'ping') return answer(request, response, STATUS.ok)
    if (area === 'functions') {
      const { functions } = await runner.current()
      if (name === undefined && method === 'GET') {
        return json(
          request,
          response,
          functions.map((fn) => describe(fn, request)),
        )
      }
      const fn = functions.find(({ definition }) => definition.name.toLowerCase() === name?.toLowerCase())
      if (fn !== undefined && method === 'GET') return json(request, response, describe(fn, request))
      if (fn !== undefined && method === 'POST') {
        await invoke(fn, request, response, options.log)
        return true
      }
    }
    return answer(request, response, STATUS.notFound)
  }

  /** With an empty route prefix the app may have a function at `/`. */
  function isAppRoute(): boolean {
    return runner.now()?.functions.some(({ listener }) => listener.endpoint?.match('') !== undefined) === true
  }

  async function home(response: ServerResponse): Promise<void> {
    const page = homePage((await runner.current()).functions)
    response.writeHead(STATUS.ok, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': Buffer.byteLength(page),
    })
    response.end(page)
  }

  function status(): unknown {
    return {
      id: options.instanceId.toLowerCase(),
      state: runner.now() === undefined ? 'Initialized' : 'Running',
      version: options.version,
      versionDetails: `func-local ${options.version}`,
      instanceId: options.instanceId,
      processUptime: Math.round(process.uptime() * 1000),
    }
  }
}

function describe({ definition, disabled, listener }: LoadedFunction, request: IncomingMessage): unknown {
  const base = `http://${request.headers.host ?? 'localhost'}`
  const { name, trigger, inputs, outputs } = definition
  return {
    name,
    href: `${base}/admin/functions/${name}`,
    invoke_url_template: listener.endpoint === undefined ? null : `${base}/${listener.endpoint.route}`,
    language: 'node',
    config: { name, bindings: [trigger, ...inputs, ...outputs] },
    isDisabled: disabled,
  }
}

async function invoke(
  fn: LoadedFunction,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): Promise<void> {
  let body: Buffer
  try {
    body = await readBody(request, INPUT_LIMIT)
  } catch (error) {
    if (error instanceof BodyTooLargeError) writeStatus(response, STATUS.tooLarge)
    return
  }
  const input = inputOf(body)
  if (input === undefined) {
    writeStatus(response, STATUS.badRequest)
    return
  }
  // Accepted: the outcome is in the log.
  void run(fn, input, log)
  writeStatus(response, STATUS.accepted)
}

async function run({ definition, listener, invoke }: LoadedFunction, input: string, log: Log): Promise<void> {
  if (listener.adminRun !== undefined) {
    await listener.adminRun(input)
    return
  }
  let event: TriggerEvent
  try {
    event = (await listener.adminEvent?.(input)) ?? plainEvent(input)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log.error(`Function 'Functions.${definition.name}' cannot run with this input: ${reason}`)
    return
  }
  await invoke(event)
}

/** `{"input": "text"}`; anything but text is passed on as JSON. */
function inputOf(body: Buffer): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    if (!isObject(parsed)) return undefined
    const { input } = parsed
    return typeof input === 'string' ? input : JSON.stringify(input ?? '')
  } catch {
    return undefined
  }
}

function plainEvent(input: string): TriggerEvent {
  return { data: { string: input }, metadata: {}, bindingData: () => ({}), reason: CALLED_VIA_HOST }
}

function answer(request: IncomingMessage, response: ServerResponse, code: number): true {
  request.resume()
  writeStatus(response, code)
  return true
}

function json(request: IncomingMessage, response: ServerResponse, value: unknown): true {
  request.resume()
  const text = JSON.stringify(value)
  response.writeHead(STATUS.ok, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
  return true
}
