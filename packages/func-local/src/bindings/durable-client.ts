import { resolveSettings } from '../binding-expression.ts'
import { textOf } from '../host/function.ts'
import type { BindingType } from '../registry.ts'
import { capturedBinding } from './captured.ts'

const INSTANCE_ID = 'INSTANCEID'
/** What the extension calls the hub outside of Azure, unless `host.json` names it. */
const DEFAULT_HUB = 'TestHubName'

/**
 * The client input of Durable Functions, with the addresses that the real host gives. Where they lead, a start of an
 * orchestration is captured like an output, because there is no engine here.
 *
 * https://github.com/Azure/azure-functions-durable-extension/blob/dev/src/WebJobs.Extensions.DurableTask/Bindings/BindingHelper.cs
 */
export const durableClientBinding: BindingType = {
  ...capturedBinding('durableClient'),
  input: ({ binding, services }) => {
    const base = `${services.origin}/runtime/webhooks/durabletask`
    const configured = services.hostConfig.raw('extensions.durableTask.hubName')
    const given = textOf(binding, 'taskHub') ?? (typeof configured === 'string' ? configured : DEFAULT_HUB)
    const hub = resolveSettings(given, services.settings)
    const query = `taskHub=${hub}&connection=${textOf(binding, 'connectionName') ?? 'Storage'}`
    const instance = `${base}/instances/${INSTANCE_ID}`
    const start = `${base}/orchestrators/{functionName}[/{instanceId}]`
    const payload = {
      taskHubName: hub,
      creationUrls: {
        createNewInstancePostUri: `${start}?code=`,
        createAndWaitOnNewInstancePostUri: `${start}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&code=`,
      },
      managementUrls: {
        id: INSTANCE_ID,
        statusQueryGetUri: `${instance}?${query}`,
        sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
        terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
        rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
        purgeHistoryDeleteUri: `${instance}?${query}`,
        restartPostUri: `${instance}/restart?${query}`,
        suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
        resumePostUri: `${instance}/resume?reason={text}&${query}`,
      },
      baseUrl: base,
      requiredQueryStringParameters: 'code=',
      rpcBaseUrl: `${base}/`,
    }
    return Promise.resolve({ string: JSON.stringify(payload) })
  },
}

/** Its name in version 1 of the library. */
export const orchestrationClientBinding: BindingType = {
  ...durableClientBinding,
  type: 'orchestrationClient',
}
