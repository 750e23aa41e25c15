import type { HttpHandler } from '@azure/functions'
import { RETRY_AFTER_SECONDS } from '../http/problem.ts'
import { lastPathSegment } from '../http/request.ts'
import type { OrderService } from '../orders/service.ts'

/** `GET /api/order/{id}`: the record under an id. */
export function orderStatusHandler(service: OrderService): HttpHandler {
  return async (request) => {
    const order = await service.lookUp(lastPathSegment(request))
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...(order.status === 'accepted' && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      },
      jsonBody: order,
    }
  }
}
