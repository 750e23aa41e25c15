import { ReadResourceResultSchema, type ReadResourceResult } from '@modelcontextprotocol/sdk/types.js'
import { isObject } from '../config/json-file.ts'
import { jsonIn } from '../json-text.ts'
import type { TypedData } from '../protocol.ts'
import { present, textField } from './declaration.ts'
import type { McpResource } from './primitive.ts'
import { ResultError } from './result-error.ts'

type Shown = Pick<McpResource, 'uri' | 'mimeType'>

/**
 * The contents of a resource: text, bytes, or the JSON `{"content": "…"}` of contents with an own URI and type.
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Trigger/ResourceReturnValueHelper.cs
 *
 * @throws {ResultError} for a value that is neither text nor bytes.
 */
export function resourceResult(value: TypedData | null | undefined, shown: Shown): ReadResourceResult {
  if (value === null || value === undefined) return { contents: [] }
  const own = { uri: shown.uri, ...present({ mimeType: shown.mimeType }) }
  if (value.bytes !== undefined)
    return { contents: [{ ...own, blob: Buffer.from(value.bytes).toString('base64') }] }
  if (value.string === undefined)
    throw new ResultError('must be text or bytes; give JSON as text, with JSON.stringify(…)')
  return wrappedContents(value.string, own) ?? { contents: [{ ...own, text: value.string }] }
}

function wrappedContents(
  text: string,
  own: { readonly uri: string; readonly mimeType?: string },
): ReadResourceResult | undefined {
  const wrapped = jsonIn(text)
  const content = isObject(wrapped) ? jsonIn(textField(wrapped, 'content') ?? '') : undefined
  if (!isObject(content)) return undefined
  const filled = Object.fromEntries(
    Object.entries(content).filter(([name, given]) => !(name in own) || (given !== null && given !== '')),
  )
  const parsed = ReadResourceResultSchema.safeParse({ contents: [{ ...own, ...filled }] })
  return parsed.success ? parsed.data : undefined
}
