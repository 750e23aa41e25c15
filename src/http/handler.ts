import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions'
import { failureOf, logOrder } from '../log.ts'
import { problemOf, problemResponse } from './problem.ts'

/** Wraps a handler so that every error it throws is logged, and answered as a problem. */
export function answering(
  handler: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>,
): HttpHandler {
  return async (request, context) => {
    try {
      return await handler(request, context)
    } catch (error) {
      logOrder(context, { ...failureOf(error), via: 'http' })
      return problemResponse(problemOf(error))
    }
  }
}
