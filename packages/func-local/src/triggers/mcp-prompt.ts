import { isObject, type JsonObject } from '../config/json-file.ts'
import { requiredText, textOf } from '../host/function.ts'
import { argumentTexts, contextEvent } from '../mcp/context-event.ts'
import { fieldOf, isSet, objectIn, objectsIn, present, textField } from '../mcp/declaration.ts'
import { readMcpOptions } from '../mcp/options.ts'
import type { McpCaller, McpPrompt } from '../mcp/primitive.ts'
import type { TriggerEvent, TriggerType } from '../registry.ts'
import { callOf } from './mcp-hand-data.ts'
import { callContext, mcpListener } from './mcp-listener.ts'

/**
 * The MCP prompt trigger, fired by `prompts/get`:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-mcp-prompt-trigger and
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/McpPromptTriggerBinding.cs
 */
export const mcpPromptTrigger: TriggerType = {
  type: 'mcpPromptTrigger',
  supportsRetry: false,
  bind: ({ fn: { trigger }, services }) => {
    const name = requiredText(trigger, 'promptName')
    const declared = promptArguments(objectsIn(trigger, 'promptArguments'))
    const icons = objectsIn(trigger, 'icons').flatMap((icon) => {
      const src = textField(icon, 'src')
      return src === undefined ? [] : [{ src, ...present({ mimeType: textField(icon, 'mimeType') }) }]
    })
    const byHand = (data: Buffer): TriggerEvent => promptEvent(callOf(data, name))
    const prompt: McpPrompt = {
      kind: 'prompt',
      listed: {
        name,
        ...present({
          title: textOf(trigger, 'title'),
          description: textOf(trigger, 'description'),
          arguments: declared.length === 0 ? undefined : declared,
          icons: icons.length === 0 ? undefined : icons,
          _meta: objectIn(trigger, 'metadata'),
        }),
      },
      required: declared.filter(({ required }) => required).map((one) => one.name),
      hasResultSchema: isSet(trigger, 'useResultSchema'),
      options: readMcpOptions(services.hostConfig),
      instanceId: services.instanceId,
      event: (given, caller) => promptEvent(callContext(name, given, caller), caller),
    }
    return mcpListener(prompt, {
      sample: () => Object.fromEntries(declared.map((one) => [one.name, 'sample'])),
      event: byHand,
    })
  },
}

function promptEvent(context: JsonObject, caller?: McpCaller): TriggerEvent {
  const given = context['arguments']
  const values = present({
    mcppromptcontext: context,
    mcpsessionid: context['sessionid'],
    mcppromptargs: isObject(given) ? argumentTexts(given) : undefined,
  })
  return contextEvent(context, values, caller)
}

function promptArguments(
  declarations: readonly JsonObject[],
): { name: string; description?: string; required: boolean }[] {
  return declarations.flatMap((one) => {
    const name = textField(one, 'name')
    if (name === undefined) return []
    const description = present({ description: textField(one, 'description') })
    return { name, ...description, required: fieldOf(one, 'required') === true }
  })
}
