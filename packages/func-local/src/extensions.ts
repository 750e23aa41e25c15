import { blobBinding } from './bindings/blob.ts'
import { capturedBinding } from './bindings/captured.ts'
import { durableClientBinding, orchestrationClientBinding } from './bindings/durable-client.ts'
import { queueBinding } from './bindings/queue.ts'
import { tableBinding } from './bindings/table.ts'
import { createRegistry, type Registry } from './registry.ts'
import { blobTrigger } from './triggers/blob.ts'
import { cosmosTrigger } from './triggers/cosmos.ts'
import { eventGridTrigger } from './triggers/event-grid.ts'
import { httpTrigger } from './triggers/http.ts'
import { mcpPromptTrigger } from './triggers/mcp-prompt.ts'
import { mcpResourceTrigger } from './triggers/mcp-resource.ts'
import { mcpToolTrigger } from './triggers/mcp-tool.ts'
import { onCallTrigger } from './triggers/on-call/on-call.ts'
import { queueTrigger } from './triggers/queue.ts'
import { timerTrigger } from './triggers/timer.ts'
import { warmupTrigger } from './triggers/warmup.ts'

/** Every trigger and binding this host has; a new one is named here and nowhere else. */
export const registry: Registry = createRegistry(
  [
    ...[httpTrigger, queueTrigger, blobTrigger, timerTrigger, warmupTrigger, eventGridTrigger, cosmosTrigger],
    ...[mcpToolTrigger, mcpResourceTrigger, mcpPromptTrigger],
  ],
  [queueBinding, blobBinding, tableBinding, durableClientBinding, orchestrationClientBinding],
  // A type that is not listed has no service here: the function is on call only, its output is captured.
  { trigger: onCallTrigger, binding: capturedBinding },
)
