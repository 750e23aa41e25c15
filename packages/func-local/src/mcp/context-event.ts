import type { JsonObject } from '../config/json-file.ts'
import type { TriggerEvent } from '../registry.ts'
import { CALLED_VIA_HOST } from '../triggers/http.ts'
import { metadataOf } from '../triggers/on-call/hand-data.ts'
import type { McpCaller } from './primitive.ts'

/**
 * The event of a call: the function gets the call's context as JSON, binding expressions name `values`. Both leave out what is not
 * there, as the extension writes JSON.
 */
export function contextEvent(context: JsonObject, values: JsonObject, caller?: McpCaller): TriggerEvent {
  return {
    data: { string: JSON.stringify(context) },
    metadata: metadataOf(values),
    bindingData: () => values,
    reason: CALLED_VIA_HOST,
    ...(caller?.trace === undefined ? {} : { trace: caller.trace }),
  }
}

/** Arguments as binding expressions and `context.triggerMetadata` have them: each one is .NET's text of its JSON. */
export function argumentTexts(given: JsonObject): Record<string, string> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, elementText(value)]))
}

/** https://learn.microsoft.com/dotnet/api/system.text.json.jsonelement.tostring */
function elementText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value
    case 'boolean':
      return value ? 'True' : 'False'
    default:
      return value === null || value === undefined ? '' : JSON.stringify(value)
  }
}
