import type { HttpHandler } from '@azure/functions'
import { RETRY_AFTER_SECONDS } from '../http/problem.ts'
import { lastPathSegment } from '../http/request.ts'
import type { OrderRecord } from '../orders/order.ts'
import type { OrderService } from '../orders/service.ts'

/** `GET /api/order/{id}`: the record under an id. */
export function orderStatusHandler(service: OrderService): HttpHandler {
  return async (request) => {
    const order = await service.get(lastPathSegment(request))
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...retryHint(order),
      },
      jsonBody: order,
    }
  }
}

/** When to retry: an accepted order is soon processed. */
function retryHint(order: OrderRecord): { readonly 'retry-after'?: string } {
  switch (order.status) {
    case 'accepted':
      return { 'retry-after': String(RETRY_AFTER_SECONDS) }
    case 'processed':
      return {}
  }
}
