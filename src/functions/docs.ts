import { app, type HttpHandler } from '@azure/functions'
import { contentSecurityPolicy } from '../http/contentSecurityPolicy.ts'
import { withBindingName } from './binding.ts'

/** `GET /api/docs`: a page to read the API on, and to try it; loaded when it is asked for. */
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

/** Registers `docs`: anonymous, since it shows no order; trying one needs a key. */
export function registerDocs(handler: HttpHandler): void {
  app.http('docs', withBindingName('request', { methods: ['GET'], authLevel: 'anonymous', handler }))
}
