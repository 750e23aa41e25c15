import type { Settings } from '../config/settings.ts'
import { isObject } from '../config/json-file.ts'
import { propertyOf, textOf, type NamedBinding } from '../host/function.ts'
import type { Generation, LoadedFunction } from '../host/generation.ts'
import { parametersOf } from '../http/request-by-hand.ts'
import { jsonIn } from '../json-text.ts'
import type { HttpEndpoint } from '../registry.ts'
import type { FunctionForm, ShownFunction } from './messages.ts'
import { namedQueues, queueIdOf, type NamedQueue } from './queues.ts'

/** What of a generation is shown. */
export type ShownGeneration = Pick<Generation, 'functions' | 'refusals'> & {
  readonly worker: Pick<Generation['worker'], 'functions' | 'pid'>
}

const ANY_METHOD = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']
/** Properties of triggers that say where their events come from. */
const SOURCES = [
  ...['queueName', 'path', 'schedule', 'topicName', 'eventHubName', 'containerName', 'collectionName'],
  ...['tableName', 'topic', 'toolName', 'promptName', 'uri', 'hubName'],
]

/** Every function of the app, those that cannot run too, in order of their names. */
export function shownFunctions(
  { functions, refusals, worker }: ShownGeneration,
  settings: Settings,
): ShownFunction[] {
  const queues = namedQueues(functions, settings)
  const inError = refusals.map(({ name, reason }): ShownFunction => {
    const bindings = Object.values(worker.functions.find((fn) => fn.name === name)?.bindings ?? {})
    const trigger = bindings.find(({ type = '' }) => /trigger$/i.test(type))?.type ?? ''
    return { name, trigger, source: undefined, state: 'error', reason, form: undefined }
  })
  return [...functions.map((fn) => shownFunction(fn, queues)), ...inError].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}

function shownFunction(fn: LoadedFunction, queues: readonly NamedQueue[]): ShownFunction {
  const { definition, disabled, listener } = fn
  const { name, trigger } = definition
  const { endpoint, onCall } = listener
  const setting = `AzureWebJobs.${name}.Disabled`
  return {
    name,
    trigger: trigger.type,
    source: endpoint === undefined ? sourceOf(trigger) : `/${endpoint.route}`,
    state: disabled ? 'disabled' : onCall === undefined ? 'ready' : 'onCall',
    reason: disabled
      ? `${setting} is set.`
      : onCall === undefined
        ? undefined
        : `func-local does not listen to ${onCall.service}: call it from here.`,
    // A disabled function takes no requests; any other can be called, in Azure too.
    form: disabled && endpoint !== undefined ? undefined : formOf(fn, queues),
  }
}

function sourceOf(trigger: NamedBinding): string | undefined {
  const found = SOURCES.map((property) => propertyOf(trigger, property))
  return found.find((value): value is string => typeof value === 'string' && value !== '')
}

function formOf({ definition, listener }: LoadedFunction, queues: readonly NamedQueue[]): FunctionForm {
  const { name, trigger } = definition
  const sample = listener.byHand.sample()
  if (listener.endpoint !== undefined) return httpForm(listener.endpoint, jsonIn(sample))
  switch (trigger.type.toLowerCase()) {
    case 'queuetrigger': {
      const queue = queueIdOf(queues, name)
      return queue === undefined ? { kind: 'other', sample } : { kind: 'queue', queue, sample }
    }
    case 'blobtrigger':
      return { kind: 'blob', path: textOf(trigger, 'path') ?? '', sample }
    case 'timertrigger':
      return { kind: 'timer', sample }
    default:
      return { kind: 'other', sample }
  }
}

/** The sample of an HTTP function describes a request. */
function httpForm(endpoint: HttpEndpoint, sample: unknown): FunctionForm {
  const described = isObject(sample) ? sample : {}
  const values = isObject(described['params']) ? described['params'] : {}
  const { method, body } = described
  return {
    kind: 'http',
    methods: endpoint.methods ?? ANY_METHOD,
    params: parametersOf(endpoint).map(({ name, optional, catchAll, fallback }) => {
      const value = values[name]
      return {
        name,
        value: typeof value === 'string' ? value : '',
        isOptional: optional || catchAll || fallback !== undefined,
      }
    }),
    method: typeof method === 'string' ? method : 'GET',
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body, null, 2),
  }
}
