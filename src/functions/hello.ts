import { app, type HttpHandler } from '@azure/functions'
import type { OrderService } from '../orders/service.ts'
import { withBindingName } from './binding.ts'

/** `GET /api/hello?name=`: a greeting, as a JSON string. */
export function helloHandler(service: Pick<OrderService, 'greet'>): HttpHandler {
  return (request) => ({ jsonBody: service.greet(request.query.get('name')) })
}

/** Registers `hello`: anonymous, and touching no storage, so it also tells whether the app is up. */
export function registerHello(handler: HttpHandler): void {
  app.http('hello', withBindingName('request', { methods: ['GET'], authLevel: 'anonymous', handler }))
}
