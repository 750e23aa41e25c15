import { spawnSync } from 'node:child_process'

// azd runs this after each deployment (azure.yaml): it subscribes the function importOrders to the files that are uploaded.
// https://learn.microsoft.com/azure/azure-functions/functions-event-grid-blob-trigger
//
// The address that gets the events has the host's key `blobs_extension` in it, which is there only when the host has loaded the
// function, so no template can set it; here it is passed from one call to the next, and is in no file, setting or log. Events
// are not delivered by the topic's identity instead: to a webhook that takes an app registration, and the blob trigger knows
// no other way than its webhook and this key. https://learn.microsoft.com/azure/event-grid/managed-service-identity

const FUNCTION = 'Host.Functions.importOrders'
const CONTAINER = 'imports'
/** The host makes the key when it has loaded the function, some time after the deployment. */
const TRIES = 20
const PAUSE_MS = 15_000

/** Runs the Azure CLI. Its arguments are never printed: one of them has the key. */
function az(...args: readonly string[]): string | undefined {
  // On Windows `az` is a script, which only a shell runs.
  const shell = process.platform === 'win32'
  const quoted = shell ? args.map((arg) => `"${arg}"`) : args
  const result = spawnSync('az', quoted, { encoding: 'utf8', shell })
  return result.status === 0 ? result.stdout.trim() : undefined
}

function setting(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '')
    throw new Error(`${name} is not set. Run this by azd: azd hooks run postdeploy`)
  return value
}

async function subscribe(): Promise<void> {
  const group = setting('AZURE_RESOURCE_GROUP')
  const app = setting('AZURE_FUNCTION_APP_NAME')
  const topic = setting('IMPORTS_TOPIC_NAME')
  const url = setting('ORDERS_URL')
  for (let tries = 1; tries <= TRIES; tries++) {
    const key = az(
      ...['functionapp', 'keys', 'list', '-g', group, '-n', app],
      ...['--query', 'systemKeys.blobs_extension', '-o', 'tsv'],
    )
    if (key !== undefined && key !== '') {
      const endpoint = `${url}/runtime/webhooks/blobs?functionName=${FUNCTION}&code=${key}`
      const created = az(
        ...['eventgrid', 'system-topic', 'event-subscription', 'create'],
        ...['--name', CONTAINER, '-g', group, '--system-topic-name', topic],
        ...['--endpoint-type', 'webhook', '--endpoint', endpoint],
        ...['--included-event-types', 'Microsoft.Storage.BlobCreated'],
        ...['--subject-begins-with', `/blobServices/default/containers/${CONTAINER}/blobs/`],
        ...['--output', 'none'],
      )
      if (created !== undefined) {
        console.log(`importOrders gets the events of the container ${CONTAINER}.`)
        return
      }
    }
    if (tries < TRIES) {
      console.log(`importOrders is not ready for events yet; next try in ${PAUSE_MS / 1000} s.`)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }
  throw new Error(
    'importOrders gets no events. Sign in with "az login", and run: azd hooks run postdeploy (docs/import.md, "In Azure").',
  )
}

try {
  await subscribe()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
