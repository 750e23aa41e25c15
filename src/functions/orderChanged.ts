import { inspect } from 'node:util'
import type { CosmosDBv4Handler } from '@azure/functions'
import { jsonLine } from '../jsonLine.ts'
import { sendEvents, type OrderEvents } from '../orders/events.ts'

/**
 * Cosmos DB trigger on the container of the records: for each order that was accepted or processed it sends an event to the queue
 * `order-events`. One line of JSON in the log says of each batch what became of it, `{"event":"changes", …}`.
 *
 * When it throws, the host must deliver the batch again: main.ts says so.
 */
export function orderChangedHandler(events: () => Promise<OrderEvents>): CosmosDBv4Handler {
  return async (items, context) => {
    try {
      const outcome = await sendEvents(items, await events())
      for (const error of outcome.unreadable) {
        context.error(jsonLine({ event: 'changes', orderId: error.id, reason: error.message }))
      }
      context.log(jsonLine({ event: 'changes', changes: items.length, events: outcome.events }))
    } catch (error) {
      context.error(jsonLine({ event: 'changes', changes: items.length, reason: inspect(error) }))
      throw error
    }
  }
}
