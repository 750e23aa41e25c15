import { app, type HttpHandler } from '@azure/functions'
import { withBindingName } from './binding.ts'

/** `GET /api/openapi.json`: the API in OpenAPI 3.1; loaded when it is asked for. */
export const openApiHandler: HttpHandler = async () => {
  const { default: description } = await import('../http/openapi.json', { with: { type: 'json' } })
  return { headers: { 'x-content-type-options': 'nosniff' }, jsonBody: description }
}

/** Registers `openapi`: anonymous, since it shows no order. */
export function registerOpenApi(handler: HttpHandler): void {
  app.http(
    'openapi',
    withBindingName('request', {
      methods: ['GET'],
      authLevel: 'anonymous',
      route: 'openapi.json',
      handler,
    }),
  )
}
