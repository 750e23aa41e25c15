import { CallToolResultSchema, type CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { isObject, type JsonObject } from '../config/json-file.ts'
import { jsonIn } from '../json-text.ts'
import type { TypedData } from '../protocol.ts'
import { fieldOf, textField } from './declaration.ts'
import { ResultError } from './result-error.ts'
import { returnText } from './return-text.ts'

const SEVERAL = 'multi_content_result'
const WHOLE = 'call_tool_result'

/**
 * The result of a tool's call. The app's library makes content blocks of what the handler returns, and says so with
 * `useResultSchema`; else the value is text.
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/ToolReturnValueBinder.cs
 *
 * @throws {ResultError} for a value that has not that form.
 */
export function toolResult(value: TypedData | null | undefined, hasResultSchema: boolean): CallToolResult {
  if (value === null || value === undefined) return { content: [] }
  if (!hasResultSchema) {
    const text = returnText(value)
    return { content: text === undefined ? [] : [{ type: 'text', text }] }
  }
  const wrapped = value.string === undefined ? undefined : jsonIn(value.string)
  if (!isObject(wrapped)) throw new ResultError('is not the JSON of a tool result')
  const parsed = CallToolResultSchema.safeParse(unwrapped(wrapped))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new ResultError(`has a content block that MCP does not know (${where}: ${issue?.message ?? ''})`)
}

/** Newer libraries send the whole result where it says that the call failed: https://github.com/Azure/azure-functions-nodejs-library/pull/446 */
function unwrapped(wrapped: JsonObject): JsonObject {
  const type = (textField(wrapped, 'type') ?? '').toLowerCase()
  const content = jsonIn(textField(wrapped, 'content') ?? '')
  if (type === WHOLE) {
    if (!isObject(content)) throw new ResultError('has no tool result')
    return content
  }
  const structured = structuredContent(wrapped)
  return {
    content: type === SEVERAL ? blocks(content) : [block(content, type)],
    ...(structured === undefined ? {} : { structuredContent: structured }),
  }
}

function blocks(content: unknown): unknown[] {
  if (!Array.isArray(content) || content.length === 0) throw new ResultError('has no content blocks')
  return content as unknown[]
}

function block(content: unknown, type: string): JsonObject {
  if (!isObject(content)) throw new ResultError(`has no content block of the type '${type}'`)
  return content
}

function structuredContent(wrapped: JsonObject): JsonObject | undefined {
  const text = fieldOf(wrapped, 'structuredContent')
  if (text === undefined || text === null) return undefined
  const value = typeof text === 'string' ? jsonIn(text) : text
  if (!isObject(value)) throw new ResultError('has structured content that is no JSON object')
  return value
}
