import type {
  FunctionMetadata,
  InvocationRequest,
  InvocationResponse,
  LogEntry,
  LogLevel,
  RetryOptions,
  BindingInfo,
} from '../protocol.ts'

/** A handler, as the library registers it. */
export type FunctionCallback = (...args: unknown[]) => unknown

/** A hook callback; what its context holds depends on the hook. */
export type HookCallback = (context: object) => unknown

/** What the library knows of one invocation. */
export interface CoreInvocationContext {
  invocationId: string
  request: InvocationRequest
  metadata: FunctionMetadata
  state?: 'preInvocationHooks' | 'invocation' | 'postInvocationHooks' | undefined
  log: (level: LogLevel, category: LogEntry['category'], message: string) => void
}

/** One invocation as the library's programming model runs it. */
export interface InvocationModel {
  getArguments: () => Promise<{ context: unknown; inputs: unknown[] }>
  invokeFunction: (context: unknown, inputs: unknown[], callback: FunctionCallback) => Promise<unknown>
  getResponse: (context: unknown, result: unknown) => Promise<InvocationResponse>
}

/** The programming model that `@azure/functions` hands to the worker. */
export interface ProgrammingModel {
  readonly name: string
  readonly version: string
  getInvocationModel: (context: CoreInvocationContext) => InvocationModel | Promise<InvocationModel>
  getCapabilities?: (
    capabilities: Record<string, string>,
  ) => Record<string, string> | Promise<Record<string, string>>
}

/** A function's metadata as the library passes it to `registerFunction`. */
export interface CoreFunctionMetadata {
  readonly name: string
  readonly functionId?: string
  readonly bindings: Record<string, BindingInfo>
  readonly retryOptions?: RetryOptions
}

/** The hooks a worker of this version knows. */
export const HOOK_NAMES = ['appStart', 'appTerminate', 'preInvocation', 'postInvocation', 'log'] as const
export type HookName = (typeof HOOK_NAMES)[number]

/** The state of the app in this worker process: what it registered, and the data its hooks share. */
export interface App {
  readonly functions: Map<
    string,
    { readonly metadata: FunctionMetadata; readonly callback: FunctionCallback }
  >
  readonly hooks: Record<HookName, HookCallback[]>
  /** Shared by all hooks. */
  readonly appHookData: Record<string, unknown>
  /** Shared by the app's start and terminate hooks only. */
  readonly appLevelHookData: Record<string, unknown>
  programmingModel: ProgrammingModel | undefined
  /** Functions can be registered only while the app loads. */
  registrationClosed: boolean
}

/** A fresh app, before anything is loaded. */
export function createApp(): App {
  return {
    functions: new Map(),
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] },
    appHookData: {},
    appLevelHookData: {},
    programmingModel: undefined,
    registrationClosed: false,
  }
}
