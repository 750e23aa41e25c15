import { isObject } from '../../config/json-file.ts'
import { BindingError, textOf, type NamedBinding } from '../../host/function.ts'
import { jsonOf, metadataOf } from './hand-data.ts'
import type { OnCallEvent, OnCallKind } from './on-call-kind.ts'
import { jsonIn } from '../../json-text.ts'

/** A property of a tool, or an argument of a prompt, as the app registered it. */
interface Declared {
  readonly propertyName?: unknown
  readonly propertyType?: unknown
  readonly isArray?: unknown
  readonly name?: unknown
}

/**
 * The handler gets the context of the call; the data is the arguments, or the whole context:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp-tool-trigger and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Abstractions/ToolInvocationContext.cs
 */
export const mcpTool: OnCallKind = {
  types: ['mcptooltrigger'],
  service: 'MCP',
  sample: (trigger) => JSON.stringify(toolArguments(trigger)),
  event: (data, { trigger }) => contextEvent(callOf(data, textOf(trigger, 'toolName') ?? '')),
}

/** https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Abstractions/PromptInvocationContext.cs */
export const mcpPrompt: OnCallKind = {
  types: ['mcpprompttrigger'],
  service: 'MCP',
  sample: (trigger) =>
    JSON.stringify(
      Object.fromEntries(declared(trigger, 'promptArguments').map(({ name }) => [String(name), 'sample'])),
    ),
  event: (data, { trigger }) => ({
    data: { string: JSON.stringify(callOf(data, textOf(trigger, 'promptName') ?? '')) },
    metadata: {},
    bindingData: {},
  }),
}

/** https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Abstractions/ResourceInvocationContext.cs */
export const mcpResource: OnCallKind = {
  types: ['mcpresourcetrigger'],
  service: 'MCP',
  sample: (trigger) => JSON.stringify({ uri: textOf(trigger, 'uri') ?? '' }),
  event: (data) => {
    const context = jsonOf(data, 'the resource\'s context, {"uri": "…"}')
    if (!isObject(context)) throw new BindingError('its data must be a JSON object with the "uri".')
    const whole = { sessionId: null, clientInfo: null, transport: null, ...context }
    return { data: { string: JSON.stringify(whole) }, metadata: {}, bindingData: {} }
  },
}

function callOf(data: Buffer, name: string): Readonly<Record<string, unknown>> {
  const given = jsonOf(data, 'the arguments')
  if (!isObject(given)) throw new BindingError('its data must be the arguments, a JSON object.')
  const context = { name, arguments: given, sessionid: null, clientinfo: null, transport: null }
  // The whole context instead of the arguments.
  return typeof given['name'] === 'string' && isObject(given['arguments'])
    ? { ...context, ...given }
    : context
}

function contextEvent(context: Readonly<Record<string, unknown>>): OnCallEvent {
  return {
    data: { string: JSON.stringify(context) },
    metadata: metadataOf({ mcptoolcontext: context, mcptoolargs: context['arguments'] }),
    bindingData: { mcptoolcontext: context, mcptoolargs: context['arguments'] },
  }
}

function toolArguments(trigger: NamedBinding): Record<string, unknown> {
  return Object.fromEntries(
    declared(trigger, 'toolProperties').map(({ propertyName, propertyType, isArray }) => {
      const value = sampleOf(String(propertyType))
      return [String(propertyName), isArray === true ? [value] : value]
    }),
  )
}

function sampleOf(type: string): unknown {
  switch (type.toLowerCase()) {
    case 'number':
    case 'integer':
      return 1
    case 'boolean':
      return true
    case 'object':
      return {}
    default:
      return 'sample'
  }
}

/** Declarations reach the host as JSON text. */
function declared(trigger: NamedBinding, property: string): readonly Declared[] {
  const parsed = jsonIn(textOf(trigger, property) ?? '')
  return Array.isArray(parsed) ? parsed.filter(isObject) : []
}
