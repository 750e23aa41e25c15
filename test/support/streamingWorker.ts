import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { randomUUID } from 'node:crypto'
import { request as httpRequest, type ClientRequest, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { fakeFunctionsCore, type Callback, type Registered } from './functionsCore.ts'

interface Invocation {
  getArguments(): Promise<{ readonly context: unknown; readonly inputs: unknown[] }>
  invokeFunction(context: unknown, inputs: unknown[], callback: Callback): Promise<unknown>
  getResponse(context: unknown, result: unknown): Promise<unknown>
}

interface ProgrammingModel {
  getCapabilities(capabilities: object): Promise<{ readonly HttpUri?: string }>
  getInvocationModel(context: object): Invocation
}

/** A streamed call, as the host forwards it to the worker. */
export interface StreamedRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** What the host puts in the trigger's metadata beside the headers: route values, the query, fields of a JSON body. */
  readonly params?: Readonly<Record<string, string>>
  /** Sends the body; without it there is none. */
  readonly send?: (request: ClientRequest) => Promise<void> | void
}

/** What the worker made of it. */
export interface StreamedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

/**
 * The worker's side of a Functions host, with the real library in it: what it registers, and calls through the HTTP server that
 * the library opens in the worker (its capability `HttpUri`).
 */
export interface StreamingWorker {
  readonly functions: ReadonlyMap<string, Registered>
  /** Lines that functions have logged: `error: …`. */
  readonly logged: readonly string[]
  /**
   * Calls a function. It resolves with the response and with what the invocation failed with; the Azure host answers a request
   * whose invocation fails never, so there is no response then.
   */
  call(
    name: string,
    request: StreamedRequest,
  ): Promise<{ readonly response?: StreamedResponse; readonly failure?: unknown }>
  close(): Promise<void>
}

/** Loads an app as a worker does. */
export async function startStreamingWorker(loadApp: () => Promise<unknown>): Promise<StreamingWorker> {
  const core = fakeFunctionsCore()
  const { functions } = core
  const logged: string[] = []
  const servers = new Set<Server>()
  const onRequest = (message: unknown) => servers.add((message as { readonly server: Server }).server)
  subscribe('http.server.request.start', onRequest)

  await loadApp()
  const [programmingModel] = core.models as readonly ProgrammingModel[]
  if (programmingModel === undefined) throw new Error('the app registered nothing')
  const { HttpUri } = await programmingModel.getCapabilities({})
  if (HttpUri === undefined) throw new Error('HTTP streaming is off')
  const port = Number(new URL(HttpUri).port)

  const invoke = async (name: string, invocationId: string, request: StreamedRequest): Promise<void> => {
    const registered = functions.get(name)
    if (registered === undefined) throw new Error(`${name} is not registered`)
    const { metadata, callback } = registered
    const [binding = ''] =
      Object.entries(metadata.bindings).find(([, { type }]) => type === 'httpTrigger') ?? []
    const strings = Object.entries(request.params ?? {}).map(([key, string]) => [key, { string }] as const)
    const invocation = programmingModel.getInvocationModel({
      invocationId,
      metadata,
      request: {
        inputData: [{ name: binding, data: { http: {} } }],
        triggerMetadata: {
          Headers: { json: JSON.stringify(request.headers ?? {}) },
          Query: { json: '{}' },
          ...Object.fromEntries<object>(strings),
        },
      },
      log: (level: string, _: string, message: string) => logged.push(`${level}: ${message}`),
      state: undefined,
    })
    const { context, inputs } = await invocation.getArguments()
    await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, callback))
  }

  return {
    functions,
    logged,
    async call(name, request) {
      const invocationId = randomUUID()
      const outgoing = httpRequest({
        host: '127.0.0.1',
        port,
        agent: false,
        method: request.method ?? 'POST',
        path: request.path,
        headers: {
          ...request.headers,
          'x-ms-invocation-id': invocationId,
          'x-forwarded-host': 'localhost:7071',
          'x-forwarded-proto': 'http',
        },
      })
      const response = new Promise<StreamedResponse | undefined>((resolve) => {
        outgoing.on('response', (incoming) => {
          text(incoming).then(
            (body) => {
              resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text: body })
            },
            () => {
              resolve(undefined)
            },
          )
        })
        outgoing.on('error', () => {
          resolve(undefined)
        })
      })
      const invocation = invoke(name, invocationId, request).then(
        () => undefined,
        (failure: unknown) => {
          outgoing.destroy()
          return { failure }
        },
      )
      if (request.send === undefined) outgoing.end()
      else await request.send(outgoing)
      const failed = await invocation
      const received = await response
      return { ...failed, ...(received !== undefined && { response: received }) }
    },
    async close() {
      unsubscribe('http.server.request.start', onRequest)
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      core.restore()
    },
  }
}
