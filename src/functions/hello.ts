import type { HttpHandler } from '@azure/functions'
import type { OrderService } from '../orders/service.ts'

/** `GET /api/hello?name=`: a greeting, as a JSON string. */
export function helloHandler(service: Pick<OrderService, 'greet'>): HttpHandler {
  return (request) => ({ jsonBody: service.greet(request.query.get('name')) })
}
