import type { HostConfig } from '../config/host-config.ts'
import { flag, text, word } from '../config/value-schemas.ts'

/** How the app's MCP server presents itself, and who may use it. */
export interface McpOptions {
  readonly serverName: string
  readonly serverVersion: string
  readonly instructions: string | undefined
  /** Whether the SSE transport names its message endpoint with scheme and host. */
  readonly usesAbsoluteUri: boolean
  /** Whether `--enableAuth` asks its clients for a key. */
  readonly needsKey: boolean
}

// https://learn.microsoft.com/dotnet/api/microsoft.azure.webjobs.extensions.http.authorizationlevel
const LEVELS = ['Anonymous', 'User', 'Function', 'System', 'Admin'] as const
const SECTION = 'extensions.mcp'
const read = new WeakMap<HostConfig, McpOptions>()

/**
 * The `extensions.mcp` section of `host.json`: https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp#hostjson-settings
 *
 * @throws {ConfigurationError}
 */
export function readMcpOptions(hostConfig: HostConfig): McpOptions {
  let options = read.get(hostConfig)
  if (options === undefined) {
    const server = hostConfig.section(
      SECTION,
      // Under Core Tools the client's state is never encrypted, whatever `encryptClientState` says.
      { serverName: text(), serverVersion: text(), instructions: text(), encryptClientState: flag() },
      ['messageOptions', 'system'],
    )
    const messages = hostConfig.section(`${SECTION}.messageOptions`, { useAbsoluteUriForEndpoint: flag() })
    const system = hostConfig.section(`${SECTION}.system`, { webhookAuthorizationLevel: word(LEVELS) })
    options = {
      serverName: server.serverName ?? 'Azure Functions MCP server',
      serverVersion: server.serverVersion ?? '1.0.0',
      instructions: server.instructions,
      usesAbsoluteUri: messages.useAbsoluteUriForEndpoint ?? false,
      needsKey: system.webhookAuthorizationLevel !== 'Anonymous',
    }
    read.set(hostConfig, options)
  }
  return options
}
