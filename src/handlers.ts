import { HttpResponse, type HttpHandler, type InvocationContext } from '@azure/functions'
import type * as Composition from './composition.ts'
import { checkedResponse } from './http/response.ts'
import { jsonLine } from './jsonLine.ts'
import { once } from './once.ts'
import { exerciseRequestAndResponse, warmUpWhenIdle } from './warmUp.ts'

/** What the composition root has for the functions. */
export type Parts = typeof Composition

/**
 * The handler of an HTTP function, which is loaded when it is first needed. It returns a response whatever happens: with HTTP
 * streaming the library sends the response itself, and on the Azure host a request whose handler throws, or returns something
 * else, never gets one.
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/converters/toRpcHttp.ts
 *
 * @param load imports the function's file and makes its handler
 */
export function http(load: (parts: Parts) => Promise<HttpHandler>): HttpHandler {
  return responding(
    loaded(async () => {
      const parts = await composition()
      return parts.withProblems(await load(parts))
    }),
  )
}

/** The same for a handler that is part of the first file, and needs nothing that would have to be loaded. */
export function loadedHttp(handler: HttpHandler): HttpHandler {
  return responding(() => handler)
}

function responding(handler: () => HttpHandler | Promise<HttpHandler>): HttpHandler {
  return async (request, context) => {
    try {
      return await checkedResponse(await (await handler())(request, context))
    } catch (error) {
      logBug(context, error)
      return new HttpResponse({
        status: 500,
        headers: { 'content-type': 'application/problem+json' },
        jsonBody: { type: 'about:blank', title: 'Internal Server Error', status: 500 },
      })
    }
  }
}

/**
 * The handler of a function with another trigger (queue, timer, blob …), which is loaded when it is first needed. What it
 * throws fails the invocation.
 *
 * @param load imports the function's file and makes its handler
 */
export function background<Input, Result>(
  load: (parts: Parts) => Promise<(input: Input, context: InvocationContext) => Result | PromiseLike<Result>>,
): (input: Input, context: InvocationContext) => Promise<Result> {
  const handler = loaded(async () => load(await composition()))
  return async (input, context) => (await handler())(input, context)
}

const loaders: (() => Promise<unknown>)[] = []

/** Loads what the first calls would wait for, step by step, whenever the worker is idle. */
export function warmUp(): Promise<void> {
  return warmUpWhenIdle([
    // Node.js loads its HTTP client, of which `Request` and `Response` are part, with the first of them.
    () => new Response(),
    exerciseRequestAndResponse,
    ...loaders,
    async () => (await composition()).warmUp.loadStore(),
    async () => (await composition()).warmUp.connect(),
    async () => (await composition()).warmUp.loadQueues(),
  ])
}

const composition = () => import('./composition.ts')

/** Loads something once, when the worker is idle or a call needs it. If loading fails, the next use tries again. */
function loaded<T>(load: () => Promise<T>): () => Promise<T> {
  const get = once(load)
  loaders.push(get)
  return get
}

function logBug(context: InvocationContext, error: unknown): void {
  // Not imported: a built-in module's import reads all that it exports, which would take 7 % of the app's load.
  const { inspect } = process.getBuiltinModule('node:util')
  context.error(jsonLine({ event: 'order', outcome: 'error', via: 'http', reason: inspect(error) }))
}
