import type { TriggerEvent, TriggerType } from '../registry.ts'
import { CALLED_VIA_HOST } from './http.ts'

/**
 * The warmup trigger. Only Azure warms an instance up, when it scales out; locally nothing does, so under Core Tools and
 * here the function runs when it is called by `POST /admin/functions/<name>`.
 *
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-warmup and
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Warmup/Trigger/WarmupTriggerBinding.cs
 */
export const warmupTrigger: TriggerType = {
  type: 'warmupTrigger',
  supportsRetry: false,
  bind: () => ({
    start: () => undefined,
    stop: () => Promise.resolve(),
    adminEvent: warmupEvent,
    byHand: { kind: 'event', sample: () => '{}', event: warmupEvent },
  }),
}

function warmupEvent(): TriggerEvent {
  return { data: { json: '{}' }, metadata: {}, bindingData: () => ({}), reason: CALLED_VIA_HOST }
}
