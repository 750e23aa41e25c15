import { app, type HttpHandler } from '@azure/functions'
import type { OrderService } from '../orders/service.ts'
import { withBindingName } from './binding.ts'
import { COMMIT } from './commit.ts'

/** `GET /api/hello?name=`: a greeting, as a JSON string. The header `orders-commit` says which build responds. */
export function helloHandler(service: OrderService): HttpHandler {
  const headers = COMMIT === undefined ? {} : { headers: { 'orders-commit': COMMIT } }
  return (request) => ({ jsonBody: service.greet(request.query.get('name')), ...headers })
}

/** Registers `hello`: anonymous, and touching no storage, so it also tells whether the app is up. */
export function registerHello(handler: HttpHandler): void {
  app.http('hello', withBindingName('request', { methods: ['GET'], authLevel: 'anonymous', handler }))
}
