import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import {
  CallToolRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  ReadResourceRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
  type CallToolResult,
} from '@modelcontextprotocol/sdk/types.js'
import type { JsonSchemaType } from '@modelcontextprotocol/sdk/validation/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv'
import type { InvocationResponse } from '../protocol.ts'
import type { TriggerEvent } from '../registry.ts'
import { catalogOf, type McpCatalog, type McpFunction } from './catalog.ts'
import type { McpArguments, McpCaller, McpPrimitive, McpTool } from './primitive.ts'
import { promptResult } from './prompt-result.ts'
import { resourceResult } from './resource-result.ts'
import { ResultError } from './result-error.ts'
import { toolResult } from './tool-result.ts'
import type { McpHost } from './webhook.ts'

/** An error of JSON-RPC; the SDK's own class puts its code into the message, which the extension does not. */
class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/* eslint-disable @typescript-eslint/no-deprecated -- McpServer wants each tool's schema as code; here they come from the app, as JSON */
/**
 * A server for one client, with what the app has when a request comes. Its messages are those of the extension and of the SDK that is
 * under it:
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/McpWebJobsBuilderExtensions.cs
 * and https://github.com/modelcontextprotocol/csharp-sdk/blob/main/src/ModelContextProtocol.Core/McpSessionHandler.cs
 */
export function createMcpServer(
  host: McpHost,
  primitive: McpPrimitive,
  callerOf: (server: Server) => McpCaller,
): Server {
  const { serverName, serverVersion, instructions } = primitive.options
  const server = new Server(
    { name: serverName, version: serverVersion },
    {
      capabilities: { logging: {}, prompts: {}, resources: {}, tools: {} },
      ...(instructions === undefined ? {} : { instructions }),
    },
  )
  /* eslint-enable @typescript-eslint/no-deprecated */
  const catalog = async (): Promise<McpCatalog> => catalogOf((await host.generation()).functions)

  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: (await catalog()).tools.map(({ primitive: { listed } }) => listed),
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const { tools } = await catalog()
    const found = byName(tools, params.name)
    if (found === undefined) throw unknown('tool', params.name)
    requireArguments('tool properties', found.primitive.required, params.arguments)
    return await callTool(found, params.arguments)
  })
  server.setRequestHandler(ListResourcesRequestSchema, async () => ({
    resources: (await catalog()).resources.flatMap(({ primitive: { listed } }) =>
      listed.as === 'resource' ? [listed.resource] : [],
    ),
  }))
  server.setRequestHandler(ListResourceTemplatesRequestSchema, async () => ({
    resourceTemplates: (await catalog()).resources.flatMap(({ primitive: { listed } }) =>
      listed.as === 'template' ? [listed.template] : [],
    ),
  }))
  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    const matching = (await catalog()).resources.filter(
      ({ primitive: { match } }) => match(uri) !== undefined,
    )
    // A resource of its own goes before a template that would match, too.
    const found = matching.find(({ primitive: { listed } }) => listed.as === 'resource') ?? matching[0]
    if (found === undefined) throw unknown('resource', uri)
    const { listed, mimeType, uri: registered } = found.primitive
    return await use(found, found.primitive.event(uri, callerOf(server)), ({ returnValue }) =>
      // The contents of a template's resource have the URI that was asked for; the template is none.
      resourceResult(returnValue, { uri: listed.as === 'template' ? uri : registered, mimeType }),
    )
  })
  server.setRequestHandler(ListPromptsRequestSchema, async () => ({
    prompts: (await catalog()).prompts.map(({ primitive: { listed } }) => listed),
  }))
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }) => {
    const found = byName((await catalog()).prompts, params.name)
    if (found === undefined) throw unknown('prompt', params.name)
    const { event, required, hasResultSchema } = found.primitive
    requireArguments('prompt arguments', required, params.arguments)
    return await use(found, event(params.arguments, callerOf(server)), ({ returnValue }) =>
      promptResult(returnValue, hasResultSchema),
    )
  })
  // Nothing changes that could be told: https://modelcontextprotocol.io/specification/2025-11-25/server/resources#subscriptions
  server.setRequestHandler(SubscribeRequestSchema, () => ({}))
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}))
  server.fallbackRequestHandler = ({ method }) =>
    Promise.reject(new RpcError(ErrorCode.MethodNotFound, `Method '${method}' is not available.`))
  return server

  async function callTool(tool: McpFunction<McpTool>, given: McpArguments): Promise<CallToolResult> {
    const { event, hasResultSchema, listed } = tool.primitive
    let result: CallToolResult
    try {
      result = await use(tool, event(given, callerOf(server)), ({ returnValue }) =>
        toolResult(returnValue, hasResultSchema),
      )
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      const text = `An error occurred invoking '${listed.name}'.`
      return { isError: true, content: [{ type: 'text', text }] }
    }
    requireStructure(tool.primitive, result)
    return result
  }

  /** Runs the function and makes a result of what it returned. @throws {RpcError} when it fails, or returns what cannot be used. */
  async function use<R>(
    { name, invoke }: McpFunction<McpPrimitive>,
    event: TriggerEvent,
    resultOf: (response: InvocationResponse) => R,
  ): Promise<R> {
    const outcome = await invoke(event)
    if (outcome.ok) {
      try {
        return resultOf(outcome.response)
      } catch (error) {
        if (!(error instanceof ResultError)) throw error
        host.log.error(`Function 'Functions.${name}' failed: the value it returned ${error.message}.`)
      }
    }
    // What went wrong is in the log; clients are not told, as in Azure.
    throw new RpcError(ErrorCode.InternalError, 'An error occurred.')
  }
}

/** A name in the client's spelling reaches the function as it is registered. */
function byName<P extends McpPrimitive & { readonly listed: { readonly name: string } }>(
  functions: readonly McpFunction<P>[],
  name: string,
): McpFunction<P> | undefined {
  return functions.find(({ primitive: { listed } }) => listed.name.toLowerCase() === name.toLowerCase())
}

function unknown(kind: McpPrimitive['kind'], name: string): RpcError {
  return new RpcError(ErrorCode.InvalidParams, `Unknown ${kind}: '${name}'`)
}

function requireArguments(what: string, required: readonly string[], given: McpArguments): void {
  const missing = required.filter((name) => given?.[name] === undefined || given[name] === null)
  if (missing.length === 0) return
  throw new RpcError(
    ErrorCode.InvalidParams,
    `One or more required ${what} are missing values. Please provide: ${missing.join(', ')}`,
  )
}

/** A tool with a schema for its result must keep to it, unless the call failed. */
function requireStructure(
  { listed: { outputSchema } }: McpTool,
  { structuredContent, isError }: CallToolResult,
): void {
  if (outputSchema === undefined || isError === true) return
  if (structuredContent === undefined)
    throw new RpcError(
      ErrorCode.InvalidParams,
      'Output schema is declared but the tool result does not contain structured content. When an output schema is provided, the tool must return structured content conforming to the schema.',
    )
  const validate = new AjvJsonSchemaValidator().getValidator(outputSchema as JsonSchemaType)
  const { valid, errorMessage } = validate(structuredContent)
  if (!valid)
    throw new RpcError(
      ErrorCode.InvalidParams,
      `Structured content does not conform to the output schema. ${errorMessage}`,
    )
}
