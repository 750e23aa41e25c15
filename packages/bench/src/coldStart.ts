import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as openRequest } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import {
  openWorkerSession,
  type FromWorker,
  type InvocationRequest,
  type WorkerSession,
} from 'func-local/worker'

/** The pauses that are measured: a call that waits already, and hosts that take their time. */
export const PAUSES_MS = [0, 50, 300] as const

const TIMEOUT_MS = 60_000

// The modules of Node that the Functions worker has loaded before the app comes: its gRPC client, above all, needs them.
// https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/package.json
const LOADED_BY_THE_WORKER = [
  ...['crypto', 'dns', 'events', 'fs', 'http', 'http2', 'https', 'net', 'os', 'path', 'stream', 'tls', 'url'],
  ...['util', 'zlib'],
]
const PRELOAD = `data:text/javascript,for(const name of ${JSON.stringify(LOADED_BY_THE_WORKER)})process.getBuiltinModule(name)`

/** The first call of a function after a cold start. */
export interface FirstCall {
  readonly function: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: string
}

/** A cold start of one app. */
export interface ColdStart {
  /** func-local's worker script. */
  readonly worker: string
  /** The app's folder. */
  readonly app: string
  readonly call: FirstCall
  /** Milliseconds between the last function's load and the first call: what the host does in between. */
  readonly pauseMs: number
  readonly environment?: Readonly<Record<string, string>>
}

/** How long each step took, in milliseconds, seen from the host's end of the channel. */
export interface ColdStartSteps {
  /** From before the start of the process until the worker has responded to its first message. */
  readonly connect: number
  /** From `init` until the entry point is loaded, and with HTTP streaming the worker's server listens. */
  readonly init: number
  /** The functions' metadata. */
  readonly metadata: number
  /** The load of every function, all requested at once. */
  readonly load: number
  /** From the first call until its response is complete. */
  readonly firstCall: number
  /**
   * CPU time of the worker's main thread from `init` to the end of the first call, without the pause. It hardly depends on what
   * else the machine does. NaN where there is no Linux.
   */
  readonly cpu: number
}

/** What the app is accountable for: the load of the app and of its functions, and the first call. Without the pause. */
export function loadAndFirstCall({ init, metadata, load, firstCall }: ColdStartSteps): number {
  return init + metadata + load + firstCall
}

/**
 * Takes the host's part in a cold start, in the order in which the platform does it: connect, init, metadata, load of every
 * function, a pause, the first call. The process ends afterwards.
 *
 * The platform asks for the metadata and for the load of each function by messages of their own. The Node.js worker has all
 * of it when the entry point is loaded, and only responds; func-local's worker sends the metadata with the response to
 * `init`. A status message takes the place of each: it is responded to at once, as soon as the app lets the event loop run.
 * https://github.com/Azure/azure-functions-nodejs-worker/tree/v3.x/src/eventHandlers
 *
 * @throws when the app does not load, or the call's status is not 200
 */
export async function measureColdStart(start: ColdStart): Promise<ColdStartSteps> {
  const inbox = createInbox()
  const begun = performance.now()
  const session = openWorkerSession({
    script: start.worker,
    appDirectory: start.app,
    nodeArguments: ['--import', PRELOAD],
    environment: { ...process.env, NODE_OPTIONS: '', ...start.environment },
    onMessage: inbox.put,
  })
  const { child, send } = session
  child.stdout?.resume()
  child.stderr?.pipe(process.stderr)
  const exited = once(child, 'exit')
  const late = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
  exited.then(([code, signal]) => {
    inbox.fail(new Error(`The worker ended during a cold start: ${String(code ?? signal)}`))
  }, inbox.fail)

  let last = begun
  const lap = (): number => {
    const now = performance.now()
    const elapsed = now - last
    last = now
    return elapsed
  }
  const cpuClock = () => mainThreadCpu(child.pid)
  try {
    send({ type: 'status' })
    await inbox.next('status')
    const cpuAtInit = cpuClock()
    const connect = lap()

    send({ type: 'init', appDirectory: start.app, hostVersion: '4.1037.0' })
    const { functions, capabilities } = await inbox.next('ready')
    const init = lap()

    send({ type: 'status' })
    await inbox.next('status')
    const metadata = lap()

    for (const _ of functions) send({ type: 'status' })
    for (const _ of functions) await inbox.next('status')
    const load = lap()

    const cpuAtPause = cpuClock()
    if (start.pauseMs > 0) await delay(start.pauseMs)
    const called = functions.find(({ name }) => name === start.call.function)
    const [trigger] =
      Object.entries(called?.bindings ?? {}).find(([, { type }]) => type === 'httpTrigger') ?? []
    if (trigger === undefined) throw new Error(`The app has no function "${start.call.function}" to call.`)
    const cpuAtCall = cpuClock()
    last = performance.now()
    const { status, body } = await firstCall(session, inbox, start.call, trigger, capabilities['HttpUri'])
    const firstCallMs = lap()
    if (status !== 200) throw new Error(`The first call's status was ${status}: ${body}`)
    const cpu = cpuAtPause - cpuAtInit + cpuClock() - cpuAtCall
    return { connect, init, metadata, load, firstCall: firstCallMs, cpu }
  } finally {
    clearTimeout(late)
    child.kill('SIGKILL')
    await exited
  }
}

/** Milliseconds on a processor. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
function mainThreadCpu(pid: number | undefined): number {
  try {
    const [nanoseconds] = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/schedstat`, 'utf8').split(
      ' ',
    )
    return Number(nanoseconds) / 1e6
  } catch {
    return NaN
  }
}

interface Response {
  readonly status: number
  readonly body: string
}

/** Calls as the host does: with HTTP streaming the request itself goes to the worker's own server. */
async function firstCall(
  { send }: WorkerSession,
  inbox: Inbox,
  call: FirstCall,
  trigger: string,
  httpUri: string | undefined,
): Promise<Response> {
  const invocationId = randomUUID()
  const url = `http://localhost:7071${call.path}`
  const body = Buffer.from(call.body ?? '')
  const request: InvocationRequest = {
    invocationId,
    functionId: call.function,
    inputData: [
      {
        name: trigger,
        data: { http: httpUri === undefined ? { method: call.method, url, body: { bytes: body } } : {} },
      },
    ],
    triggerMetadata: httpUri === undefined ? {} : { Headers: { json: '{}' }, Query: { json: '{}' } },
    traceContext: { traceParent: '', traceState: '', attributes: {} },
  }
  const streamed = httpUri === undefined ? undefined : stream(httpUri, call, invocationId, body)
  send({ type: 'invoke', request })
  if (streamed !== undefined) return await Promise.race([streamed, failure(inbox)])
  const { response } = await inbox.next('response')
  if (response.exception !== undefined) throw new Error(response.exception.stackTrace)
  const http = [...(response.outputData ?? []).map(({ data }) => data), response.returnValue].find(
    (data) => data?.http !== undefined,
  )?.http
  return { status: Number(http?.statusCode ?? 200), body: Buffer.from(http?.body?.bytes ?? []).toString() }
}

/** Rejects when the invocation fails: a streamed call would never be responded to. */
async function failure(inbox: Inbox): Promise<never> {
  const { response } = await inbox.next('response')
  if (response.exception !== undefined) throw new Error(response.exception.stackTrace)
  return new Promise(() => undefined)
}

function stream(httpUri: string, call: FirstCall, invocationId: string, body: Buffer): Promise<Response> {
  const { port } = new URL(httpUri)
  return new Promise((resolve, reject) => {
    openRequest(
      {
        host: '127.0.0.1',
        port,
        method: call.method,
        path: call.path,
        agent: false,
        headers: {
          ...(body.length > 0 && { 'content-length': body.length }),
          'x-forwarded-host': 'localhost:7071',
          'x-forwarded-proto': 'http',
          'x-ms-invocation-id': invocationId,
        },
      },
      (response) => {
        response
          .toArray()
          .then((chunks) => {
            const text = Buffer.concat(chunks as Buffer[]).toString()
            resolve({ status: response.statusCode ?? 0, body: text })
          })
          .catch(reject)
      },
    )
      .once('error', reject)
      .end(body)
  })
}

type Message<Type extends FromWorker['type']> = Extract<FromWorker, { readonly type: Type }>

/** The worker's messages, in order, without its log and progress. */
interface Inbox {
  readonly put: (message: FromWorker) => void
  readonly fail: (error: Error) => void
  /** The next message, which must be of this type. */
  readonly next: <Type extends FromWorker['type']>(type: Type) => Promise<Message<Type>>
}

function createInbox(): Inbox {
  const messages: FromWorker[] = []
  let failed: Error | undefined
  let wake: () => void = () => undefined
  const fail = (error: Error): void => {
    failed ??= error
    wake()
  }
  return {
    put: (message) => {
      if (message.type === 'log' || message.type === 'loading') return
      if (message.type === 'failed') {
        fail(new Error(`The app did not load: ${message.stack}`))
        return
      }
      messages.push(message)
      wake()
    },
    fail,
    next: async (type) => {
      for (;;) {
        if (failed !== undefined) throw failed
        const message = messages.shift()
        if (message?.type === type) return message as Message<typeof type>
        if (message !== undefined) throw new Error(`The worker sent "${message.type}" instead of "${type}".`)
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}
