import { fileURLToPath } from 'node:url'
import { readHostConfig } from '../../src/config/host-config.ts'
import { settingsOf } from '../../src/config/settings.ts'
import { createConsole, type HostConsole } from '../../src/console/console.ts'
import type { NamedBinding } from '../../src/host/function.ts'
import type { Generation, LoadedFunction } from '../../src/host/generation.ts'
import { createByHandCaller } from '../../src/host/invoke-by-hand.ts'
import { createInvocationFeed, type InvocationFeed } from '../../src/host/invocation-feed.ts'
import { createAdminApi } from '../../src/http/admin.ts'
import type { ServerIdentity } from '../../src/http/certificate.ts'
import type { CorsPolicy } from '../../src/http/cors.ts'
import { throttleLimits } from '../../src/http/http-options.ts'
import { createKeys } from '../../src/http/keys.ts'
import { createLoopback } from '../../src/http/loopback.ts'
import { openHttpServer } from '../../src/http/server.ts'
import { createThrottle } from '../../src/http/throttle.ts'
import type { RpcHttp } from '../../src/protocol.ts'
import type {
  BoundEndpoint,
  InvocationOutcome,
  Listener,
  Services,
  TriggerEvent,
} from '../../src/registry.ts'
import { httpTrigger } from '../../src/triggers/http.ts'
import { createFakeLog, type FakeLog } from './fake-log.ts'

/** A function of an app that has no worker: the test is its handler. */
export interface ServedFunction {
  readonly name: string
  /** Properties of its HTTP trigger; without them it is anonymous, on its default route, for every method. */
  readonly trigger?: Readonly<Record<string, unknown>>
  /** Bindings that it writes besides its response. */
  readonly outputs?: readonly NamedBinding[]
  readonly disabled?: boolean
  /** Another trigger than HTTP. */
  readonly listener?: Listener
  readonly run?: (event: TriggerEvent) => InvocationOutcome | Promise<InvocationOutcome>
}

/** What a server in the test's own process is started with. */
export interface ServerSetup {
  readonly functions?: readonly ServedFunction[]
  readonly settings?: Readonly<Record<string, string>>
  readonly cors?: CorsPolicy
  /** The key that `--enableAuth` asks for. */
  readonly key?: string
  /** A text that the log hides. */
  readonly secret?: string
  readonly address?: string
  /** Serves HTTPS with this. */
  readonly tls?: ServerIdentity
  readonly capabilities?: Readonly<Record<string, string>>
  /** Whether the app is still loading for the first time. */
  readonly loading?: boolean
  /** Whether browsers get the console. */
  readonly console?: boolean
}

/** The host's HTTP server in the test's own process. */
export interface TestServer {
  readonly port: number
  readonly log: FakeLog
  /** Tells of every invocation. */
  readonly invocations: InvocationFeed
  readonly console: HostConsole | undefined
  readonly close: () => Promise<void>
}

/** Opens the host's HTTP server with its admin API over functions that the test handles. */
export async function serve(setup: ServerSetup): Promise<TestServer> {
  const { secret } = setup
  const log: FakeLog = {
    ...createFakeLog(),
    redact: (text) => (secret === undefined ? text : text.replaceAll(secret, '***')),
  }
  const settings = settingsOf(new Map(Object.entries(setup.settings ?? {})))
  const appDirectory = fileURLToPath(new URL('../fixtures/basic', import.meta.url))
  const hostConfig = readHostConfig(appDirectory, settings)
  const invocations = createInvocationFeed()
  const origin = 'http://localhost'
  const services: Services = { settings, hostConfig, log, instanceId: 'INSTANCE', origin, invocations }
  const throttle = createThrottle(throttleLimits(hostConfig))
  const bound: BoundEndpoint[] = []
  const functions = (setup.functions ?? []).map((served): LoadedFunction => {
    const { name, run = () => ({ ok: true, response: { invocationId: '' } }) } = served
    const trigger = { authLevel: 'anonymous', ...served.trigger, name: 'request', type: 'httpTrigger' }
    const definition = {
      id: name,
      name,
      trigger,
      inputs: [],
      outputs: [{ name: '$return', type: 'http', direction: 'out' as const }, ...(served.outputs ?? [])],
      retry: undefined,
    }
    const invoke = async (event: TriggerEvent): Promise<InvocationOutcome> => run(event)
    const { capabilities = {} } = setup
    const listener =
      served.listener ?? httpTrigger.bind({ fn: definition, services, bound, throttle, capabilities, invoke })
    if (listener.endpoint !== undefined) bound.push({ name, endpoint: listener.endpoint })
    return { definition, disabled: served.disabled ?? false, listener, invoke, invokeOnce: invoke }
  })
  const keys = setup.key === undefined ? undefined : createKeys(setup.key)
  const current = (): Promise<Pick<Generation, 'functions' | 'problems'>> =>
    Promise.resolve({ functions, problems: [] })
  const now = setup.loading === true ? () => undefined : () => ({ functions })
  const hostConsole =
    setup.console === true
      ? createConsole({
          runner: {
            now: () =>
              setup.loading === true
                ? undefined
                : { functions, refusals: [], worker: { functions: [], pid: 7 } },
          },
          configuration: () => ({ settings, hostConfig }),
          ...{ invocations, appDirectory, version: '1.2.3', keys, log },
        })
      : undefined
  const hostRoute = createAdminApi({
    runner: { current, now },
    instanceId: 'INSTANCE',
    appDirectory,
    version: '1.2.3',
    keys,
    log,
    byHand: createByHandCaller(current, invocations, (...args) => send(...args)),
    console: hostConsole,
  })
  const parts = { generation: current, hostRoute, cors: setup.cors, keys, tls: setup.tls, stopHint: '' }
  const address = { host: setup.address ?? '127.0.0.1', port: 0 }
  const { port, close, connect } = await openHttpServer(address, parts, log)
  const send = createLoopback(`localhost:${port}`, connect)
  return {
    port,
    log,
    invocations,
    console: hostConsole,
    close: () => {
      hostConsole?.close()
      return close()
    },
  }
}

/** An invocation that ended with an HTTP response. */
export function responding(http: RpcHttp): InvocationOutcome {
  return { ok: true, response: { invocationId: '', returnValue: { http } } }
}
