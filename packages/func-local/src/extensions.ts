import { queueBinding } from './bindings/queue.ts'
import { createExtensions, type Extensions } from './registry.ts'
import { httpTrigger } from './triggers/http.ts'
import { queueTrigger } from './triggers/queue.ts'

/**
 * Every trigger and binding this host has; a new one is named here and nowhere else. HTTP and queues, which nearly every app
 * has, come with the host; the others are chunks of their own, so that no start pays for what its app does not have.
 */
export const extensions: Extensions = createExtensions(
  [
    httpTrigger,
    queueTrigger,
    { type: 'blobTrigger', load: async () => (await import('./triggers/blob.ts')).blobTrigger },
    { type: 'timerTrigger', load: async () => (await import('./triggers/timer.ts')).timerTrigger },
    { type: 'warmupTrigger', load: async () => (await import('./triggers/warmup.ts')).warmupTrigger },
    {
      type: 'eventGridTrigger',
      load: async () => (await import('./triggers/event-grid.ts')).eventGridTrigger,
    },
    { type: 'cosmosDBTrigger', load: async () => (await import('./triggers/cosmos.ts')).cosmosTrigger },
    { type: 'mcpToolTrigger', load: async () => (await import('./triggers/mcp-tool.ts')).mcpToolTrigger },
    {
      type: 'mcpResourceTrigger',
      load: async () => (await import('./triggers/mcp-resource.ts')).mcpResourceTrigger,
    },
    {
      type: 'mcpPromptTrigger',
      load: async () => (await import('./triggers/mcp-prompt.ts')).mcpPromptTrigger,
    },
  ],
  [
    queueBinding,
    { type: 'blob', load: async () => (await import('./bindings/blob.ts')).blobBinding },
    { type: 'table', load: async () => (await import('./bindings/table.ts')).tableBinding },
    { type: 'cosmosDB', load: async () => (await import('./bindings/cosmos.ts')).cosmosBinding },
    {
      type: 'durableClient',
      load: async () => (await import('./bindings/durable-client.ts')).durableClientBinding,
    },
    {
      type: 'orchestrationClient',
      load: async () => (await import('./bindings/durable-client.ts')).orchestrationClientBinding,
    },
  ],
  // A type that is not listed has no service here: the function is on call only, its output is captured.
  async () => {
    const [{ onCallTrigger }, { capturedBinding }] = await Promise.all([
      import('./triggers/on-call/on-call.ts'),
      import('./bindings/captured.ts'),
    ])
    return { trigger: onCallTrigger, binding: capturedBinding }
  },
)
