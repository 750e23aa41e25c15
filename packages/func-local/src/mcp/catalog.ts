import type { LoadedFunction } from '../host/generation.ts'
import type { InvocationOutcome, TriggerEvent } from '../registry.ts'
import type { McpPrimitive, McpPrompt, McpResource, McpTool } from './primitive.ts'

/** A function that MCP clients can use. */
export interface McpFunction<P extends McpPrimitive> {
  readonly name: string
  readonly primitive: P
  readonly invoke: (event: TriggerEvent) => Promise<InvocationOutcome>
}

/** What the app's MCP server has, in order of the functions' names. */
export interface McpCatalog {
  readonly tools: readonly McpFunction<McpTool>[]
  readonly resources: readonly McpFunction<McpResource>[]
  readonly prompts: readonly McpFunction<McpPrompt>[]
}

type Loaded = Pick<LoadedFunction, 'definition' | 'disabled' | 'listener' | 'invoke'>

/** Collects the enabled functions with MCP triggers; of two that clients could not tell apart only the first is there. */
export function catalogOf(functions: readonly Loaded[]): McpCatalog {
  const found = firstOfEach(functions)
  return { tools: ofKind('tool'), resources: ofKind('resource'), prompts: ofKind('prompt') }

  function ofKind<K extends McpPrimitive['kind']>(
    kind: K,
  ): McpFunction<Extract<McpPrimitive, { readonly kind: K }>>[] {
    return found.flatMap(({ definition, listener: { mcp }, invoke }) =>
      isKind(mcp, kind) ? [{ name: definition.name, primitive: mcp, invoke }] : [],
    )
  }
}

/** Whether the app has an MCP server: an enabled function with one of its triggers. */
export function firstPrimitive(
  functions: readonly Pick<Loaded, 'disabled' | 'listener'>[],
): McpPrimitive | undefined {
  return functions.find(({ disabled, listener }) => !disabled && listener.mcp !== undefined)?.listener.mcp
}

/** A line for each function that the server leaves out because another one has its name. */
export function describeSameNames(functions: readonly Loaded[]): string[] {
  const served = new Map<string, string>()
  return enabled(functions).flatMap(({ definition: { name }, listener: { mcp } }) => {
    if (mcp === undefined) return []
    const key = keyOf(mcp)
    const other = served.get(key)
    if (other === undefined) {
      served.set(key, name)
      return []
    }
    return [
      `MCP clients cannot use the function '${name}': ${mcp.kind} '${shownName(mcp)}' is already registered by '${other}'. Rename one.`,
    ]
  })
}

function firstOfEach(functions: readonly Loaded[]): Loaded[] {
  const seen = new Set<string>()
  return enabled(functions).filter(({ listener: { mcp } }) => {
    if (mcp === undefined) return false
    const key = keyOf(mcp)
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

function enabled(functions: readonly Loaded[]): Loaded[] {
  return functions.filter(({ disabled }) => !disabled)
}

/** Names are case-insensitive; templates are equal whatever their parameters are called. */
function keyOf(primitive: McpPrimitive): string {
  const name =
    primitive.kind === 'resource' ? primitive.uri.replace(/\{[^{}]+\}/g, '{}') : shownName(primitive)
  return `${primitive.kind} ${name.toLowerCase()}`
}

function shownName(primitive: McpPrimitive): string {
  return primitive.kind === 'resource' ? primitive.uri : primitive.listed.name
}

function isKind<K extends McpPrimitive['kind']>(
  primitive: McpPrimitive | undefined,
  kind: K,
): primitive is Extract<McpPrimitive, { readonly kind: K }> {
  return primitive?.kind === kind
}
