import type { HttpHandler } from '@azure/functions'
import type { OrderService } from '../orders/service.ts'

/** `GET /api/hello?name=`: a greeting, as a JSON string. */
export function helloHandler(service: OrderService): HttpHandler {
  return (request) => ({ jsonBody: service.greet(request.query.get('name')) })
}
