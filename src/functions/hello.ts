import type { HttpHandler } from '@azure/functions'
import type { OrderService } from '../orders/service.ts'
import { COMMIT } from './commit.ts'

/** `GET /api/hello?name=`: a greeting, as a JSON string. The header `orders-commit` says which build responds. */
export function helloHandler(service: Pick<OrderService, 'greet'>): HttpHandler {
  const headers = COMMIT === undefined ? {} : { headers: { 'orders-commit': COMMIT } }
  return (request) => ({ jsonBody: service.greet(request.query.get('name')), ...headers })
}
