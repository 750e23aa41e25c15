import type { TableClient, TableServiceClientOptions } from '@azure/data-tables'
import type { Settings } from '../config/settings.ts'
import { resolveConnection } from './connection.ts'

// Few and quick, as for queues.
const OPTIONS: TableServiceClientOptions = {
  retryOptions: { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** A client for one table of a connection. The SDK is loaded on first use. */
export async function tableClient(
  settings: Settings,
  name: string | undefined,
  table: string,
): Promise<TableClient> {
  const { TableClient } = await import('@azure/data-tables')
  const connection = resolveConnection(settings, name)
  if (connection.kind === 'connectionString') {
    // Azurite and other emulators speak plain HTTP; the account in the connection string says so itself.
    const allowInsecureConnection =
      /http:\/\/|UseDevelopmentStorage=true|DefaultEndpointsProtocol=http;/i.test(connection.value)
    return TableClient.fromConnectionString(connection.value, table, { ...OPTIONS, allowInsecureConnection })
  }
  const uri = connection.serviceUri('table')
  return new TableClient(uri, table, await connection.credential(), {
    ...OPTIONS,
    allowInsecureConnection: uri.startsWith('http://'),
  })
}
