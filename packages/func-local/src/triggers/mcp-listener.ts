import type { JsonObject } from '../config/json-file.ts'
import { requiredInput } from '../host/function.ts'
import { present } from '../mcp/declaration.ts'
import type { McpArguments, McpCaller, McpPrimitive } from '../mcp/primitive.ts'
import type { Listener, TriggerEvent } from '../registry.ts'

/** How a call by hand is made. */
export interface McpByHand {
  /** The data when none is given. */
  readonly sample: () => unknown
  /** @throws {BindingError} when the data is not what such a function is called with. */
  readonly event: (data: Buffer) => TriggerEvent
}

/** The listener of a function that clients of the app's MCP server call: it watches nothing itself. */
export function mcpListener(mcp: McpPrimitive, { sample, event }: McpByHand): Listener {
  return {
    start: () => undefined,
    stop: () => Promise.resolve(),
    adminEvent: (input) => event(Buffer.from(requiredInput(input))),
    byHand: { kind: 'event', sample: () => JSON.stringify(sample()), event },
    mcp,
  }
}

/** The context of a call with arguments, in the spelling of tools and prompts. */
export function callContext(name: string, given: McpArguments, caller: McpCaller): JsonObject {
  const { sessionId: sessionid, clientInfo: clientinfo, transport } = caller
  return present({ name, arguments: given, sessionid, clientinfo, transport })
}
