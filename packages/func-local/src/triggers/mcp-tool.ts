import { isObject, type JsonObject } from '../config/json-file.ts'
import { BindingError, requiredText, textOf } from '../host/function.ts'
import { argumentTexts, contextEvent } from '../mcp/context-event.ts'
import { isSet, objectIn, objectsIn, present } from '../mcp/declaration.ts'
import { inputSchema, toolProperties, type ToolProperty } from '../mcp/input-schema.ts'
import { readMcpOptions } from '../mcp/options.ts'
import type { McpCaller, McpTool } from '../mcp/primitive.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { callOf } from './mcp-hand-data.ts'
import { callContext, mcpListener } from './mcp-listener.ts'

/**
 * The MCP tool trigger, fired by `tools/call`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp-tool-trigger and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/McpToolTriggerBinding.cs
 */
export const mcpToolTrigger: TriggerType = {
  type: 'mcpToolTrigger',
  supportsRetry: false,
  bind: ({ fn: { trigger }, services }) => {
    const name = requiredText(trigger, 'toolName')
    const properties = toolProperties(objectsIn(trigger, 'toolProperties'))
    const schema = inputSchema(properties)
    const outputSchema = objectIn(trigger, 'resultSchema')
    if (outputSchema !== undefined && outputSchema['type'] !== 'object')
      throw new BindingError(`'resultSchema' of its ${trigger.type} binding must have the type "object".`)
    const byHand = (data: Buffer): TriggerEvent => toolEvent(callOf(data, name))
    const tool: McpTool = {
      kind: 'tool',
      listed: {
        name,
        ...present({ description: textOf(trigger, 'description'), _meta: objectIn(trigger, 'metadata') }),
        inputSchema: schema,
        ...(outputSchema === undefined ? {} : { outputSchema: { ...outputSchema, type: 'object' } }),
      },
      required: schema.required ?? [],
      hasResultSchema: isSet(trigger, 'useResultSchema'),
      options: readMcpOptions(services.hostConfig),
      instanceId: services.instanceId,
      event: (given, caller) => toolEvent(callContext(name, given, caller), caller),
    }
    return mcpListener(tool, { sample: () => sample(properties), event: byHand })
  },
}

function toolEvent(context: JsonObject, caller?: McpCaller): TriggerEvent {
  const given = context['arguments']
  const values = present({
    mcptoolcontext: context,
    mcpsessionid: context['sessionid'],
    mcptoolargs: isObject(given) ? argumentTexts(given) : undefined,
  })
  return contextEvent(context, values, caller)
}

function sample(properties: readonly ToolProperty[]): JsonObject {
  return Object.fromEntries(
    properties.map(({ name, type, isArray, values: [first] }) => {
      const value = first ?? sampleOf(type)
      return [name, isArray ? [value] : value]
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
