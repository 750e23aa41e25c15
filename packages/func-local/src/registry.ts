import type { ServerResponse } from 'node:http'
import type { HostConfig } from './config/host-config.ts'
import type { Settings } from './config/settings.ts'
import type { FunctionDefinition, NamedBinding } from './host/function.ts'
import type { InvocationFeed } from './host/invocation-feed.ts'
import type { Log } from './host/log.ts'
import type { FunctionRequest } from './http/request.ts'
import type { Throttle } from './http/throttle.ts'
import type { McpPrimitive } from './mcp/primitive.ts'
import type { InvocationResponse, RpcException, TraceContext, TypedData } from './protocol.ts'

/*
 * How a trigger or a binding joins the host. To add one, write a file under `triggers/` or `bindings/` that exports a
 * `TriggerType` or a `BindingType`, and name it in `extensions.ts`. Nothing else has to know it.
 */

/** What triggers and bindings may use of the host. */
export interface Services {
  readonly settings: Settings
  readonly hostConfig: HostConfig
  readonly log: Log
  /** 32 hex digits, new for each start of the host. */
  readonly instanceId: string
  /** Where this machine reaches the host: `http://localhost:7071`. */
  readonly origin: string
  /** Tells of every invocation. */
  readonly invocations: InvocationFeed
}

/** An event that makes a function run. */
export interface TriggerEvent {
  /** The value of the trigger binding: the handler's first argument. */
  readonly data: TypedData
  /** `context.triggerMetadata`, on the wire: keys in PascalCase, the library makes them camel case. */
  readonly metadata: Readonly<Record<string, TypedData>>
  /**
   * What binding expressions of this invocation can name, for example `{queueTrigger}` or `{id}`. Nested objects are
   * reached with dots (`{query.name}`). Called only when the function has a binding with an expression.
   */
  readonly bindingData: () => Readonly<Record<string, unknown>>
  /** Why the function runs, as the log line shows it: `Executing 'Functions.x' (Reason='…', Id=…)`. */
  readonly reason: string
  /** A line after that one: `Trigger Details: …`. */
  readonly details?: string
  /** A trace context that came with the event; else a new one is made. */
  readonly trace?: TraceContext
  /** Given where the caller has to know the id before the invocation starts. */
  readonly invocationId?: string
  /** Values that take the place of what input bindings would fetch, by the bindings' names. */
  readonly inputs?: ReadonlyMap<string, TypedData>
  /** Told the id of each attempt as it begins. */
  readonly onAttempt?: (invocationId: string) => void
}

/** How an invocation ended. Outputs are written before it counts as succeeded. */
export type InvocationOutcome =
  | { readonly ok: true; readonly response: InvocationResponse }
  | {
      readonly ok: false
      readonly error: RpcException
      /** Its worker ended with it, and not because the host ends: it took too long, or the app's code ended the process. */
      readonly endedWorker?: boolean
    }

/** What a trigger type is given to bind one function. */
export interface TriggerContext {
  readonly fn: FunctionDefinition
  readonly services: Services
  /** The HTTP functions that were bound before this one, in order of their names. */
  readonly bound: readonly BoundEndpoint[]
  /** Keeps to the limits of `host.json` for HTTP requests. */
  readonly throttle: Throttle
  /** What the app's worker announced, `HttpUri` for example. */
  readonly capabilities: Readonly<Record<string, string>>
  /** Runs the function. Never rejects. */
  readonly invoke: (event: TriggerEvent) => Promise<InvocationOutcome>
}

/** A function bound to its trigger. */
export interface Listener {
  /** Begins to watch for events. Called once; must not wait for a service that may be out of reach. */
  start: () => void | Promise<void>
  /**
   * Stops watching at once, resolves when running invocations have ended and whatever was taken but not started has
   * been given back.
   */
  stop: () => Promise<void>
  /**
   * Makes the event of `POST /admin/functions/<name>` with `{"input": "…"}`. Without it the text is passed on as it is, and
   * the call needs one.
   */
  adminEvent?: (input: string | undefined) => TriggerEvent | Promise<TriggerEvent>
  /** How the function is called by hand: `func-local invoke`. */
  readonly byHand: ByHand
  /** Set where nothing makes the trigger fire here: the function runs only when it is called. */
  readonly onCall?: OnCall
  /** The requests that Azure sends to `/runtime/webhooks/<extension>?functionName=<name>`. */
  readonly webhook?: Webhook
  /** Only for MCP triggers: what clients of the app's MCP server find. */
  readonly mcp?: McpPrimitive
  /** Only for HTTP triggers: where requests for this function arrive. */
  readonly endpoint?: HttpEndpoint
}

/**
 * How a function is called by hand. The data is the value that the handler gets, as text or bytes; without it the sample
 * is taken.
 */
export type ByHand = {
  /** Data that stands for one event, as text. */
  readonly sample: () => string
} & (
  | {
      readonly kind: 'event'
      /** @throws {BindingError} when the data is not in the form that the trigger needs. */
      readonly event: (data: Buffer, options: HandOptions) => TriggerEvent | Promise<TriggerEvent>
    }
  | {
      /** The function is called over HTTP, as any client calls it. */
      readonly kind: 'request'
      /** @throws {BindingError} when the data does not name what the route needs. */
      readonly request: (data: Buffer) => HandRequest
    }
)

/** What a call by hand says besides its data. */
export interface HandOptions {
  /** Whether the data was given; else it is the sample. */
  readonly isGiven: boolean
  /** The blob that the data stands for, or that is read when no data is given: `container/name`. */
  readonly blob?: string | undefined
  /** The name of the file that the data comes from. */
  readonly fileName?: string | undefined
}

/** An HTTP request of a call by hand. */
export interface HandRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Why a function is on call only. */
export interface OnCall {
  /** What would make it fire: `Service Bus`. */
  readonly service: string
  /** Why this host does not listen, where it could: `'COSMOS' is not set`. */
  readonly because?: string
  /** The setting that names the server, as the app gives it. */
  readonly connection: string | undefined
  /** Packages with which apps talk to the service themselves. */
  readonly packages: readonly string[]
}

/** An address that Azure calls. */
export interface Webhook {
  /** In lower case: `eventgrid`. */
  readonly extension: string
  /** The `functionName` of the requests that are meant. */
  readonly functionName: string
  readonly handle: (events: readonly unknown[]) => Promise<WebhookOutcome>
}

/** What is responded to a delivery. */
export interface WebhookOutcome {
  readonly status: number
  readonly text?: string
}

/** An HTTP function's address. */
export interface HttpEndpoint {
  /** Upper case; `undefined` means every method. */
  readonly methods: readonly string[] | undefined
  /** The whole route template, prefix included, as it is configured. */
  readonly template: string
  /** The template without a leading slash: `api/order/{id?}`. */
  readonly route: string
  readonly authLevel: 'anonymous' | 'function' | 'admin'
  /** The route's values when a path (decoded, with its leading slash) matches, else `undefined`. */
  readonly match: (path: string) => ReadonlyMap<string, string> | undefined
  readonly handle: (request: FunctionRequest, response: ServerResponse) => Promise<void>
}

/** An HTTP function that has been bound. */
export interface BoundEndpoint {
  readonly name: string
  readonly endpoint: HttpEndpoint
}

/** A kind of trigger. */
export interface TriggerType {
  /** The binding type, `queueTrigger` for example; case-insensitive. */
  readonly type: string
  /** Whether a function's `retry` policy applies: https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages */
  readonly supportsRetry: boolean
  /**
   * Binds one function. Only reads the configuration: nothing is contacted before {@link Listener.start}.
   *
   * @throws {BindingError} when the trigger's properties cannot be used; the function is then left out, the others run.
   * @throws {ConfigurationError} when the whole host does not start with them.
   */
  readonly bind: (context: TriggerContext) => Listener
}

/** What a binding is given for one invocation. */
export interface BindingScope {
  readonly fn: FunctionDefinition
  readonly binding: NamedBinding
  readonly services: Services
  /** Resolves `{…}` and `%…%` in a text property with this invocation's data. @throws {BindingError} */
  readonly resolve: (template: string) => string
}

/** A binding whose service is not here. */
export interface Captured {
  /** Why, where it could be: `'COSMOS' is not set`. */
  readonly because?: string
}

/** A kind of input or output binding. */
export interface BindingType {
  /** The binding type, `queue` for example; case-insensitive. */
  readonly type: string
  /** Fetches an input before the function runs; `undefined` when there is nothing (the handler then sees `undefined`). */
  readonly input?: (scope: BindingScope) => Promise<TypedData | undefined>
  /** Writes an output after the function has returned; a rejection fails the invocation. */
  readonly output?: (scope: BindingScope, value: TypedData) => Promise<void>
  /** Checks a binding's properties when the app loads. @throws {BindingError} */
  readonly check?: (binding: NamedBinding, services: Services) => void
  /**
   * Says of a binding whose service is not here: an input is `undefined`, an output is shown in the log instead of written.
   * `undefined` where it is here.
   */
  readonly captured?: (binding: NamedBinding, settings: Settings) => Captured | undefined
}

/** A kind of trigger or binding whose code is loaded only for apps that have it. */
export interface Loadable<Kind> {
  readonly type: string
  readonly load: () => Promise<Kind>
}

/** The kinds of triggers and bindings this host has, before they are loaded. */
export interface Extensions {
  /** The types that are listed. */
  readonly types: readonly string[]
  /** Loads what an app whose bindings have these types needs. */
  readonly load: (types: readonly string[]) => Promise<Registry>
}

/** The kinds of triggers and bindings that an app needs. */
export interface Registry {
  readonly trigger: (type: string) => TriggerType
  readonly binding: (type: string) => BindingType
}

/** Extensions of which a few are there from the start; `otherwise` loads what there is for a type that is not listed. */
export function createExtensions(
  triggers: readonly (TriggerType | Loadable<TriggerType>)[],
  bindings: readonly (BindingType | Loadable<BindingType>)[],
  otherwise: () => Promise<Registry>,
): Extensions {
  const types = [...triggers, ...bindings].map(({ type }) => type)
  return {
    types,
    load: async (wanted) => {
      const names = new Set(wanted.map((type) => type.toLowerCase()))
      const chosen = <Kind extends object>(
        kinds: readonly ((Kind & { readonly type: string }) | Loadable<Kind>)[],
      ): Promise<Kind[]> =>
        Promise.all(
          kinds
            .filter(({ type }) => names.has(type.toLowerCase()))
            .map(async (kind) => ('load' in kind ? await kind.load() : kind)),
        )
      const listed = new Set(types.map((type) => type.toLowerCase()))
      const others = [...names].filter((name) => !listed.has(name))
      return createRegistry(
        ...(await Promise.all([
          chosen(triggers),
          chosen(bindings),
          others.length > 0 ? otherwise() : NOTHING_ELSE,
        ])),
      )
    },
  }
}

const NOTHING_ELSE: Registry = {
  trigger: (type) => {
    throw new Error(`The trigger type '${type}' is not loaded.`)
  },
  binding: (type) => {
    throw new Error(`The binding type '${type}' is not loaded.`)
  },
}

/** Makes a registry; types are case-insensitive, and `otherwise` has what there is for a type that is not listed. */
export function createRegistry(
  triggers: readonly TriggerType[],
  bindings: readonly BindingType[],
  otherwise: Registry,
): Registry {
  const byType = <T extends { readonly type: string }>(all: readonly T[], type: string): T | undefined =>
    all.find((one) => one.type.toLowerCase() === type.toLowerCase())
  return {
    trigger: (type) => byType(triggers, type) ?? otherwise.trigger(type),
    binding: (type) => byType(bindings, type) ?? otherwise.binding(type),
  }
}
