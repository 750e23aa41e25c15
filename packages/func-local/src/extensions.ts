import { blobBinding } from './bindings/blob.ts'
import { queueBinding } from './bindings/queue.ts'
import { tableBinding } from './bindings/table.ts'
import { createRegistry, type Registry } from './registry.ts'
import { blobTrigger } from './triggers/blob.ts'
import { httpTrigger } from './triggers/http.ts'
import { queueTrigger } from './triggers/queue.ts'
import { timerTrigger } from './triggers/timer.ts'
import { warmupTrigger } from './triggers/warmup.ts'

/** Every trigger and binding this host has; a new one is named here and nowhere else. */
export const registry: Registry = createRegistry(
  [httpTrigger, queueTrigger, blobTrigger, timerTrigger, warmupTrigger],
  [queueBinding, blobBinding, tableBinding],
)
