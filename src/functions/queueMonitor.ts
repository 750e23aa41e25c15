import type { TimerHandler } from '@azure/functions'
import { inspect } from 'node:util'
import { jsonLine } from '../jsonLine.ts'
import type { QueueDrain } from '../orders/queueDrain.ts'
import type { QueueMeter } from '../orders/queueMeter.ts'
import type { OrderService } from '../orders/service.ts'
import { orderDelivery } from '../orderDelivery.ts'

/** What the monitor works with. */
export interface MonitorParts {
  readonly queueMeter: () => Promise<QueueMeter>
  readonly queueDrain: () => Promise<QueueDrain>
  readonly service: OrderService
  /** How often the host delivers a queue message at most. */
  readonly maxDequeueCount: number
}

/**
 * Timer trigger: logs what waits in the queues as one line of JSON, `{"event":"queues", …}`. An app that runs nothing
 * logs nothing about orders; this line is there all the same, and its absence is an alert of its own.
 *
 * Then it processes what waits on a queue that no function consumes, since `ORDER_QUEUES` was lowered, and logs
 * `{"event":"drained", …}` for each such queue.
 *
 * Storage that can't be reached is logged and not thrown: the next run comes by itself.
 */
export function queueMonitorHandler({
  queueMeter,
  queueDrain,
  service,
  maxDequeueCount,
}: MonitorParts): TimerHandler {
  const deliver = orderDelivery(service, maxDequeueCount)
  return async (_timer, context) => {
    try {
      const queues = await (await queueMeter()).measure()
      context.log(jsonLine({ event: 'queues', queues }))
      const waiting = queues.filter(({ depth }) => depth > 0).map(({ queue }) => queue)
      const drained = await (await queueDrain()).drain(waiting, (message) => deliver(message, context))
      for (const queue of drained) context.log(jsonLine({ event: 'drained', ...queue }))
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
      context.error(jsonLine({ event: 'queues', reason }))
    }
  }
}
