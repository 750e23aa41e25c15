import type { Tool } from '@modelcontextprotocol/sdk/types.js'
import type { JsonObject } from '../config/json-file.ts'
import { fieldOf, textField } from './declaration.ts'

/** A property of a tool as the app declared it. */
export interface ToolProperty {
  readonly name: string
  readonly type: string
  readonly description: string
  readonly isArray: boolean
  readonly isRequired: boolean
  readonly values: readonly string[]
}

/** Reads a tool's properties; one without a name does not count. */
export function toolProperties(declarations: readonly JsonObject[]): ToolProperty[] {
  return declarations.flatMap((one) => {
    const name = textField(one, 'propertyName') ?? ''
    if (name.trim() === '') return []
    const values = fieldOf(one, 'enumValues')
    return {
      name,
      type: textField(one, 'propertyType') ?? 'string',
      description: textField(one, 'description') ?? '',
      isArray: fieldOf(one, 'isArray') === true,
      isRequired: fieldOf(one, 'isRequired') === true,
      values: Array.isArray(values) ? values.map(String) : [],
    }
  })
}

/** The JSON schema of a tool's arguments; `required` is always there, as in the extension. */
export function inputSchema(properties: readonly ToolProperty[]): Tool['inputSchema'] {
  return {
    type: 'object',
    properties: Object.fromEntries(
      properties.map(({ name, type, description, isArray, values }) => {
        const single = { type, ...(values.length === 0 ? {} : { enum: values }) }
        return [name, { ...(isArray ? { type: 'array', items: single } : single), description }]
      }),
    ),
    required: [...new Set(properties.filter(({ isRequired }) => isRequired).map(({ name }) => name))],
  }
}
