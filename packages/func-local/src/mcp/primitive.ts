import type { Prompt, Resource, ResourceTemplate, Tool } from '@modelcontextprotocol/sdk/types.js'
import type { JsonObject } from '../config/json-file.ts'
import type { TraceContext } from '../protocol.ts'
import type { TriggerEvent } from '../registry.ts'
import type { McpOptions } from './options.ts'

/** Who calls, and over what, as the function sees it. */
export interface McpCaller {
  readonly sessionId: string | undefined
  /** What the client said of itself; over streamable HTTP nothing is kept of that. */
  readonly clientInfo: JsonObject | undefined
  readonly transport: McpTransport | undefined
  readonly trace: TraceContext | undefined
}

/** https://github.com/Azure/azure-functions-mcp-extension/blob/main/docs/HOST_EXTENSION_SPEC.md#transport-object */
export interface McpTransport {
  readonly name: 'http-streamable' | 'http-sse'
  readonly sessionId: string | undefined
  readonly properties: { readonly headers: Readonly<Record<string, string>> }
}

/** Arguments of a call by their names; `undefined` when it had none. */
export type McpArguments = JsonObject | undefined

/** A function as MCP clients find it. */
export type McpPrimitive = McpTool | McpResource | McpPrompt

interface Served {
  readonly options: McpOptions
  /** Of the host's start; it is a part of session ids. */
  readonly instanceId: string
}

/** A tool: https://modelcontextprotocol.io/specification/2025-11-25/server/tools */
export interface McpTool extends Served {
  readonly kind: 'tool'
  readonly listed: Tool
  readonly required: readonly string[]
  /** Whether the value that the function returns has the library's form, `{"type": …, "content": …}`. */
  readonly hasResultSchema: boolean
  readonly event: (given: McpArguments, caller: McpCaller) => TriggerEvent
}

/** A resource, or a template of resources: https://modelcontextprotocol.io/specification/2025-11-25/server/resources */
export interface McpResource extends Served {
  readonly kind: 'resource'
  readonly uri: string
  readonly mimeType: string | undefined
  readonly listed:
    | { readonly as: 'resource'; readonly resource: Resource }
    | { readonly as: 'template'; readonly template: ResourceTemplate }
  /** The values of the template's parameters when a URI is meant, else `undefined`. */
  readonly match: (uri: string) => ReadonlyMap<string, string> | undefined
  readonly event: (uri: string, caller: McpCaller) => TriggerEvent
}

/** A prompt: https://modelcontextprotocol.io/specification/2025-11-25/server/prompts */
export interface McpPrompt extends Served {
  readonly kind: 'prompt'
  readonly listed: Prompt
  readonly required: readonly string[]
  /** Whether the value that the function returns is the JSON of a prompt's result. */
  readonly hasResultSchema: boolean
  readonly event: (given: McpArguments, caller: McpCaller) => TriggerEvent
}
