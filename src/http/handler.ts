import type { HttpHandler } from '@azure/functions'
import { failureOf, logOrder } from '../log.ts'
import { problemOf, problemResponse } from './problem.ts'

/** Wraps a handler so that every error it throws is logged, and the response is its problem. */
export function withProblems(handler: HttpHandler): HttpHandler {
  return async (request, context) => {
    try {
      return await handler(request, context)
    } catch (error) {
      logOrder(context, { ...failureOf(error), via: 'http' })
      return problemResponse(problemOf(error))
    }
  }
}
