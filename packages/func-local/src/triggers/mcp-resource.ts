import { isObject, type JsonObject } from '../config/json-file.ts'
import { BindingError, propertyOf, requiredText, textOf } from '../host/function.ts'
import { contextEvent } from '../mcp/context-event.ts'
import { objectIn, present } from '../mcp/declaration.ts'
import { readMcpOptions } from '../mcp/options.ts'
import type { McpCaller, McpResource } from '../mcp/primitive.ts'
import { readResourceUri } from '../mcp/uri-template.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { mcpListener } from './mcp-listener.ts'
import { jsonOf } from './on-call/hand-data.ts'

/**
 * The MCP resource trigger, fired by `resources/read`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp-resource-trigger and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/McpResourceTriggerBinding.cs
 */
export const mcpResourceTrigger: TriggerType = {
  type: 'mcpResourceTrigger',
  supportsRetry: false,
  bind: ({ fn: { trigger }, services }) => {
    const uri = requiredText(trigger, 'uri')
    const { isTemplate, match } = readResourceUri(uri)
    const mimeType = textOf(trigger, 'mimeType')
    const size = propertyOf(trigger, 'size')
    const shown = {
      name: requiredText(trigger, 'resourceName'),
      ...present({
        title: textOf(trigger, 'title'),
        description: textOf(trigger, 'description'),
        mimeType,
        _meta: objectIn(trigger, 'metadata'),
      }),
    }
    const eventOf = (context: JsonObject, caller?: McpCaller): TriggerEvent => {
      const asked = context['uri']
      const values = {
        // The template's parameters are named directly: {date}.
        ...(typeof asked === 'string' ? Object.fromEntries(match(asked) ?? []) : {}),
        ...present({
          mcpresourcecontext: context,
          mcpresourceuri: asked,
          mcpsessionid: context['sessionId'],
        }),
      }
      return contextEvent(context, values, caller)
    }
    const byHand = (data: Buffer): TriggerEvent => {
      const context = jsonOf(data, 'the resource\'s context, {"uri": "…"}')
      if (!isObject(context)) throw new BindingError('its data must be a JSON object with the "uri".')
      return eventOf(context)
    }
    const resource: McpResource = {
      kind: 'resource',
      uri,
      mimeType,
      listed: isTemplate
        ? { as: 'template', template: { uriTemplate: uri, ...shown } }
        : {
            as: 'resource',
            resource: { uri, ...shown, ...(typeof size === 'number' ? { size } : {}) },
          },
      match,
      options: readMcpOptions(services.hostConfig),
      instanceId: services.instanceId,
      event: (asked, caller) =>
        eventOf(
          present({
            uri: asked,
            sessionId: caller.sessionId,
            clientInfo: caller.clientInfo,
            transport: caller.transport,
          }),
          caller,
        ),
    }
    return mcpListener(resource, { sample: () => ({ uri }), event: byHand })
  },
}
