import { app, type HttpHandler } from '@azure/functions'
import { RETRY_AFTER_SECONDS } from '../http/problem.ts'
import type { OrderService } from '../orders/service.ts'
import { answering } from '../http/handler.ts'
import { withBindingName } from './binding.ts'

/** `GET /api/order/{id}`: the record under an id. */
export function orderStatusHandler(service: OrderService): HttpHandler {
  return answering(async (request) => {
    const order = await service.lookUp(request.params['id'] ?? '')
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...(order.status === 'accepted' && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      },
      jsonBody: order,
    }
  })
}

/** Registers `orderStatus`. */
export function registerOrderStatus(handler: HttpHandler): void {
  app.http(
    'orderStatus',
    withBindingName('request', {
      methods: ['GET'],
      authLevel: 'function',
      route: 'order/{id}',
      handler,
    }),
  )
}
