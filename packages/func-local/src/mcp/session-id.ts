import { randomUUID } from 'node:crypto'

/*
 * Nothing is kept of a session over streamable HTTP, as in the extension: its id only has to have the form in which the server gives
 * them out. Under Core Tools ids are not encrypted:
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/ClientStateManager.cs
 */

/** A new client's id: 32 hexadecimal digits. */
export function newClientId(): string {
  return randomUUID().replaceAll('-', '')
}

/** The id of a client's session with this host. */
export function sessionIdOf(clientId: string, instanceId: string): string {
  return `${clientId}|${instanceId}`
}

/** The client of a session; `undefined` for a text that is no session's id. */
export function clientOf(
  sessionId: string,
): { readonly clientId: string; readonly instanceId: string } | undefined {
  const [clientId, instanceId, ...rest] = sessionId.split('|').filter(Boolean)
  return clientId === undefined || instanceId === undefined || rest.length > 0
    ? undefined
    : { clientId, instanceId }
}
