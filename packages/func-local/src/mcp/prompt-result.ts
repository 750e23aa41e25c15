import { GetPromptResultSchema, type GetPromptResult } from '@modelcontextprotocol/sdk/types.js'
import { isObject } from '../config/json-file.ts'
import { jsonIn } from '../json-text.ts'
import type { TypedData } from '../protocol.ts'
import { returnText } from './return-text.ts'

/**
 * The messages of a prompt: what the function returns is the text of one message of the user. Only with `useResultSchema` it can be
 * the JSON of the whole result.
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/SimplePromptReturnValueBinder.cs
 */
export function promptResult(value: TypedData | null | undefined, hasResultSchema: boolean): GetPromptResult {
  const text = returnText(value)
  if (text === undefined) return { messages: [] }
  return (
    (hasResultSchema ? wholeResult(jsonIn(text)) : undefined) ?? {
      messages: [{ role: 'user', content: { type: 'text', text } }],
    }
  )
}

/** A result that JSON holds; `undefined` for JSON with neither messages nor a description, which is text. */
function wholeResult(given: unknown): GetPromptResult | undefined {
  if (!isObject(given)) return undefined
  const fields = Object.entries(given).filter(([, value]) => value !== null)
  const { data } = GetPromptResultSchema.safeParse({ messages: [], ...Object.fromEntries(fields) })
  return data !== undefined && (data.messages.length > 0 || data.description !== undefined) ? data : undefined
}
