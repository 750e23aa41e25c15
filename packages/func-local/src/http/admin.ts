import type { IncomingMessage, ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { isObject } from '../config/json-file.ts'
import type { Generation, LoadedFunction } from '../host/generation.ts'
import type { Log } from '../host/log.ts'
import type { TriggerEvent } from '../registry.ts'
import { requiredInput } from '../host/function.ts'
import type { ByHandCaller } from '../host/invoke-by-hand.ts'
import type { HostConsole } from '../console/console.ts'
import { homePage } from './home-page.ts'
import type { Keys } from './keys.ts'
import { INVOKE_PATH } from './invoke-path.ts'
import { readJsonRequest } from './json-request.ts'
import { schemeOf } from './request-origin.ts'
import { writeStatus } from './response.ts'
import type { HostRoute } from './server.ts'
import { jsonIn } from '../json-text.ts'
import { createMcpWebhook, isMcpPath } from '../mcp/webhook.ts'

/** What the host's own endpoints need. */
export interface AdminOptions {
  readonly runner: {
    /** The functions; waits while the app loads. */
    readonly current: () => Promise<Pick<Generation, 'functions'>>
    /** `undefined` while the app loads for the first time. */
    readonly now: () => Pick<Generation, 'functions'> | undefined
  }
  readonly instanceId: string
  readonly appDirectory: string
  readonly version: string
  readonly keys: Keys | undefined
  readonly log: Log
  readonly byHand: ByHandCaller
  /** What browsers get at `/`; without it they get the plain page. */
  readonly console?: Pick<HostConsole, 'handle'> | undefined
}

const STATUS = {
  ok: 200,
  accepted: 202,
  badRequest: 400,
  unauthorized: 401,
  notFound: 404,
} as const
const CALLED_VIA_HOST = 'This function was programmatically called via the host APIs.'
// A drain is what the platform asks for before it takes an instance away.
const NOT_DRAINING = { state: 'Disabled', outstandingInvocations: 0, outstandingRetries: 0 }
const NOT_CACHED = { 'Cache-Control': 'no-store,no-cache', Pragma: 'no-cache' }

/**
 * The host's own endpoints: the page at `/`, and of the admin API what is useful on a developer's machine. Whatever else is
 * asked for there is the app's, as under the real host.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http and
 * https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost/Controllers
 */
export function createAdminApi(options: AdminOptions): HostRoute {
  const { runner, keys } = options
  const webhooks = { generation: runner.current, keys, log: options.log }
  const mcp = createMcpWebhook(webhooks)
  return async (request, response, target) => {
    const { method } = request
    const { path } = target
    if (path === '/') {
      if (isAppRoute()) return false
      if ((await options.console?.handle(request, response, target)) === true) return true
      request.resume()
      await home(response)
      return true
    }
    const known = path.toLowerCase().replace(/\/$/, '')
    if (isMcpPath(known)) {
      await mcp(request, response, target)
      return true
    }
    // Extensions listen there in Azure, whatever routes the app has.
    if (known.startsWith('/runtime/webhooks/')) {
      // Most apps have none of them.
      const { handleWebhook } = await import('./webhooks.ts')
      await handleWebhook(webhooks, request, response, target)
      return true
    }
    if (known === '/admin/host/ping' && (method === 'GET' || method === 'POST')) {
      request.resume()
      writeStatus(response, STATUS.ok, NOT_CACHED)
      return true
    }
    if ((await options.console?.handle(request, response, target)) === true) return true
    const read = method === 'GET' ? (hostData(known) ?? (await functionData(known, request))) : undefined
    if (read !== undefined) {
      if (isAllowed(request, response)) json(request, response, read)
      return true
    }
    if (known === INVOKE_PATH && method === 'POST') {
      if (!isAllowed(request, response)) return true
      const { handleInvoke } = await import('./invoke-endpoint.ts')
      await handleInvoke(options, request, response)
      return true
    }
    const fn = method === 'POST' ? await functionAt(known) : undefined
    if (fn === undefined) return false
    if (isAllowed(request, response)) await invoke(fn, request, response, options.log)
    return true
  }

  function hostData(path: string): unknown {
    if (path === '/admin/host/status') return status()
    return path === '/admin/host/drain/status' ? NOT_DRAINING : undefined
  }

  async function functionData(path: string, request: IncomingMessage): Promise<unknown> {
    if (path === '/admin/functions')
      return (await runner.current()).functions.map((fn) => describe(fn, request))
    const fn = await functionAt(path.replace(/\/status$/, ''))
    if (fn === undefined) return undefined
    return path.endsWith('/status') ? {} : describe(fn, request)
  }

  async function functionAt(path: string): Promise<LoadedFunction | undefined> {
    const name = /^\/admin\/functions\/([^/]+)$/.exec(path)?.[1]
    if (name === undefined) return undefined
    const { functions } = await runner.current()
    return functions.find(({ definition }) => definition.name.toLowerCase() === name)
  }

  function isAllowed(request: IncomingMessage, response: ServerResponse): boolean {
    if (keys?.allows(request, 'admin') !== false) return true
    request.resume()
    writeStatus(response, STATUS.unauthorized, { 'WWW-Authenticate': 'Bearer' })
    return false
  }

  /** With an empty route prefix the app may have a function at `/`. */
  function isAppRoute(): boolean {
    return (
      runner.now()?.functions.some(({ listener }) => listener.endpoint?.match('/') !== undefined) === true
    )
  }

  async function home(response: ServerResponse): Promise<void> {
    const page = homePage((await runner.current()).functions)
    response.writeHead(STATUS.ok, {
      'Content-Type': 'text/html',
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
      platformVersion: '',
      instanceId: options.instanceId,
      computerName: hostname(),
      processUptime: Math.round(process.uptime() * 1000),
      functionAppContentEditingState: 'NotAllowed',
    }
  }
}

function describe({ definition, disabled, listener }: LoadedFunction, request: IncomingMessage): unknown {
  const base = `${schemeOf(request)}://${request.headers.host ?? 'localhost'}`
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
  const body = await readJsonRequest(request, response)
  if (body === undefined) return
  const given = inputOf(body)
  if (given === undefined) {
    writeStatus(response, STATUS.badRequest)
    return
  }
  // Accepted: the outcome is in the log.
  void run(fn, given.input, log)
  writeStatus(response, STATUS.accepted)
}

async function run(
  { definition, listener, invoke }: LoadedFunction,
  input: string | undefined,
  log: Log,
): Promise<void> {
  let event: TriggerEvent
  try {
    event = (await listener.adminEvent?.(input)) ?? plainEvent(requiredInput(input))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    log.error(`Function 'Functions.${definition.name}' cannot run with this input: ${reason}`)
    return
  }
  await invoke(event)
}

/** `{"input": "text"}`, the name case-insensitive; a number or boolean is its text, and `null` is no input. */
function inputOf(body: Buffer): { readonly input: string | undefined } | undefined {
  const parsed = jsonIn(body)
  if (!isObject(parsed)) return undefined
  const input = Object.entries(parsed).find(([name]) => name.toLowerCase() === 'input')?.[1]
  if (input === undefined || input === null) return { input: undefined }
  if (typeof input === 'object') return undefined
  return { input: typeof input === 'string' ? input : JSON.stringify(input) }
}

function plainEvent(input: string): TriggerEvent {
  return { data: { string: input }, metadata: {}, bindingData: () => ({}), reason: CALLED_VIA_HOST }
}

function json(request: IncomingMessage, response: ServerResponse, value: unknown): void {
  request.resume()
  const text = JSON.stringify(value)
  response.writeHead(STATUS.ok, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}
