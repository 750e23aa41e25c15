import type { HttpHandler, HttpRequest, HttpResponseInit } from '@azure/functions'
import { logOrder } from '../log.ts'
import type { AcceptedOrder } from '../orders/order.ts'
import { prefersAsync, readOrder, relativeTo } from '../http/request.ts'
import { RETRY_AFTER_SECONDS } from '../http/problem.ts'
import type { OrderService } from '../orders/service.ts'

/** `POST /api/order`: processes an order now, or with `Prefer: respond-async` accepts it for the queue. */
export function orderHandler(service: OrderService): HttpHandler {
  return async (request, context) => {
    const draft = await readOrder(request)
    const prefer = request.headers.get('prefer')
    const order = await (prefersAsync(prefer) ? service.accept(draft) : service.place(draft))
    logOrder(context, { outcome: order.status, via: 'http', orderId: order.id })
    switch (order.status) {
      case 'processed':
        return { status: 200, jsonBody: order }
      case 'accepted':
        return acceptedResponse(request, order)
    }
  }
}

function acceptedResponse(request: HttpRequest, order: AcceptedOrder): HttpResponseInit {
  return {
    status: 202,
    headers: {
      location: relativeTo(request, order.id),
      // RFC 7240 §3: says that the preference was honoured.
      'preference-applied': 'respond-async',
      'retry-after': String(RETRY_AFTER_SECONDS),
    },
    jsonBody: order,
  }
}
