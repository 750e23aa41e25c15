import type { HttpHandler } from '@azure/functions'

/** `GET /api/openapi.json`: the API in OpenAPI 3.1; loaded on the first request. */
export const openApiHandler: HttpHandler = async () => {
  const { default: description } = await import('../http/openapi.json', { with: { type: 'json' } })
  return { headers: { 'x-content-type-options': 'nosniff' }, jsonBody: description }
}
