import { GetPromptResultSchema, type GetPromptResult } from '@modelcontextprotocol/sdk/types.js'
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
  if (hasResultSchema) {
    const parsed = GetPromptResultSchema.safeParse(jsonIn(text))
    if (parsed.success) return parsed.data
  }
  return { messages: [{ role: 'user', content: { type: 'text', text } }] }
}
