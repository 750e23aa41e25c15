import * as v from 'valibot'
import { ConfigurationError, isObject } from '../../src/config/json-file.ts'
import type { HostConfig } from '../../src/config/host-config.ts'
import { settingsOf } from '../../src/config/settings.ts'
import type { FunctionDefinition, NamedBinding } from '../../src/host/function.ts'
import { createInvocationFeed } from '../../src/host/invocation-feed.ts'
import type {
  BindingScope,
  ByHand,
  InvocationOutcome,
  Services,
  TriggerContext,
  TriggerEvent,
} from '../../src/registry.ts'
import { resolveExpression } from '../../src/binding-expression.ts'
import { createThrottle } from '../../src/http/throttle.ts'
import { createFakeLog, type FakeLog } from './fake-log.ts'

/** What triggers and bindings use of the host, with settings and a `host.json` given as they are. */
export interface FakeServices extends Services {
  readonly log: FakeLog
}

/** Services with these settings, and these sections (`extensions.queues`, …) of `host.json`. */
export function fakeServices(
  settings: Readonly<Record<string, string>> = { AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
  sections: Readonly<Record<string, unknown>> = {},
): FakeServices {
  return {
    settings: settingsOf(new Map(Object.entries(settings))),
    hostConfig: hostConfigOf(sections),
    log: createFakeLog(),
    instanceId: 'A'.repeat(32),
    origin: 'http://localhost:7071',
    invocations: createInvocationFeed(),
  }
}

function hostConfigOf(sections: Readonly<Record<string, unknown>>): HostConfig {
  return {
    appDirectory: '/app',
    section: (name, shape) => {
      const raw = sections[name]
      if (!isObject(raw)) return {}
      return v.parse(v.partial(v.object(shape)), raw)
    },
    raw: (name) => sections[name],
    list: () => [],
    refusal: (keys, what) => new ConfigurationError(`${keys.join('.')} ${what}`),
    problems: [],
    report: () => undefined,
  }
}

/** A call by hand whose data is the event's text. */
export const fakeByHand: ByHand = {
  kind: 'event',
  sample: () => 'sample',
  event: (data) => ({
    data: { string: data.toString('utf8') },
    metadata: {},
    bindingData: () => ({}),
    reason: 'by hand',
  }),
}

/** A function with this trigger, and these other bindings. */
export function fakeFunction(
  trigger: Readonly<Record<string, unknown>> & { readonly type: string },
  others: Partial<Pick<FunctionDefinition, 'inputs' | 'outputs' | 'retry' | 'name'>> = {},
): FunctionDefinition {
  return {
    id: 'id-1',
    name: 'fn',
    trigger: { name: 'in', direction: 'in', ...trigger },
    inputs: [],
    outputs: [],
    retry: undefined,
    ...others,
  }
}

/** What a trigger is bound with, and the events that it makes. */
export interface FakeTriggerContext extends TriggerContext {
  readonly services: FakeServices
  readonly events: TriggerEvent[]
}

/** A context whose function ends as `outcome` says. */
export function fakeTriggerContext(
  fn: FunctionDefinition,
  services: FakeServices = fakeServices(),
  changes: Partial<Pick<TriggerContext, 'bound' | 'capabilities'>> & {
    readonly outcome?: (event: TriggerEvent) => InvocationOutcome
  } = {},
): FakeTriggerContext {
  const events: TriggerEvent[] = []
  const { outcome = () => ({ ok: true, response: { invocationId: '1' } }), ...others } = changes
  return {
    fn,
    services,
    bound: [],
    throttle: createThrottle({ concurrent: -1, outstanding: -1 }),
    capabilities: {},
    ...others,
    events,
    invoke: (event) => {
      events.push(event)
      return Promise.resolve(outcome(event))
    },
  }
}

/** What a binding is given for an invocation with this data. */
export function fakeScope(
  binding: Readonly<Record<string, unknown>> & { readonly type: string },
  services: Services = fakeServices(),
  bindingData: Readonly<Record<string, unknown>> = {},
): BindingScope {
  const named: NamedBinding = { name: 'b', ...binding }
  return {
    fn: fakeFunction({ type: 'queueTrigger' }),
    binding: named,
    services,
    resolve: (template) => resolveExpression(template, { settings: services.settings, bindingData }),
  }
}
