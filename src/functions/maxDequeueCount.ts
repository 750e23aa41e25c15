import host from '../../host.json' with { type: 'json' }

/**
 * How often the host delivers a queue message at most: `maxDequeueCount` of host.json, or of the environment, which
 * goes before it in the host too.
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
 */
export function maxDequeueCount(environment: NodeJS.ProcessEnv): number {
  const override = Number(environment['AzureFunctionsJobHost__extensions__queues__maxDequeueCount'])
  return Number.isInteger(override) && override > 0 ? override : host.extensions.queues.maxDequeueCount
}
