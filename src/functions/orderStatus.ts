import { app, type HttpHandler } from '@azure/functions'
import { RETRY_AFTER_SECONDS } from '../http/problem.ts'
import type { OrderRecord } from '../orders/order.ts'
import type { OrderService } from '../orders/service.ts'
import { answering } from '../http/handler.ts'
import { withBindingName } from './binding.ts'

/** `GET /api/order/{id}`: the record under an id. */
export function orderStatusHandler(service: OrderService): HttpHandler {
  return answering(async (request) => {
    const order = await service.get(request.params['id'] ?? '')
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...retryHint(order),
      },
      jsonBody: order,
    }
  })
}

/** When to ask again: an accepted order is soon processed. */
function retryHint(order: OrderRecord): { readonly 'retry-after'?: string } {
  switch (order.status) {
    case 'accepted':
      return { 'retry-after': String(RETRY_AFTER_SECONDS) }
    case 'processed':
      return {}
  }
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
