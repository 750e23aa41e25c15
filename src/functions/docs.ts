import type { HttpHandler } from '@azure/functions'
import { contentSecurityPolicy } from '../http/contentSecurityPolicy.ts'

/** `GET /api/docs`: a page to read the API on, and to try it; loaded on the first request. */
export const docsHandler: HttpHandler = async () => {
  const { default: page } = await import('api-page/page.html')
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': contentSecurityPolicy(page),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
    body: page,
  }
}
