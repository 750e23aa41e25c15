import type { TimerHandler } from '@azure/functions'
import { inspect } from 'node:util'
import { jsonLine } from '../jsonLine.ts'
import type { QueueMeter } from '../orders/queueMeter.ts'

/**
 * Timer trigger: logs what waits in the queues as one line of JSON, `{"event":"queues", …}`. An app that runs nothing
 * logs nothing about orders; this line is there all the same, and its absence is an alert of its own.
 *
 * Storage that can't be reached is logged and not thrown: the next measurement comes by itself.
 */
export function queueMonitorHandler(meter: () => Promise<QueueMeter>): TimerHandler {
  return async (_timer, context) => {
    try {
      const queues = await (await meter()).measure()
      context.log(jsonLine({ event: 'queues', queues }))
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error)
      context.error(jsonLine({ event: 'queues', reason }))
    }
  }
}
