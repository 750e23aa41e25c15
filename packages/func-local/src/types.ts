import { queueBinding } from './bindings/queue.ts'
import { createRegistry, type Registry } from './registry.ts'
import { httpTrigger } from './triggers/http.ts'
import { queueTrigger } from './triggers/queue.ts'

/** Every trigger and binding this host has; a new one is named here and nowhere else. */
export const registry: Registry = createRegistry([httpTrigger, queueTrigger], [queueBinding])
