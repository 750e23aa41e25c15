import { HttpResponse } from '@azure/functions'
import { serialize } from 'cookie'

/**
 * What Node's HTTP server refuses in a header's value (https://nodejs.org/api/http.html#httpvalidateheadervaluename-value)
 * and `Headers` lets through. Node's own check is not used: an import of `node:http` doubles the time that the app takes to load.
 */
const UNSENDABLE = /[^\t\u0020-\u007e\u0080-\u00ff]/

/**
 * Makes the response that a handler's result describes, and tries everything that the library would do with it and could fail
 * at: with HTTP streaming such a failure leaves the request without a response.
 * https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/httpProxy.ts
 *
 * @throws whatever is wrong with it, and what a streamed body fails with before its first chunk
 */
export async function checkedResponse(result: unknown): Promise<HttpResponse> {
  if (typeof result !== 'object' || result === null) {
    throw new TypeError(`The handler returned ${String(result)} instead of a response.`)
  }
  const response = result instanceof HttpResponse ? result : new HttpResponse(result)
  for (const [name, value] of response.headers) {
    if (UNSENDABLE.test(value))
      throw new TypeError(`The value of the header ${name} has a control character.`)
  }
  for (const { name, value, expires, ...options } of response.cookies) {
    serialize(name, value, { ...options, ...(expires !== undefined && { expires: new Date(expires) }) })
  }
  return isStreamed(result) ? begun(response) : response
}

function isStreamed(result: object): boolean {
  if (!('body' in result)) return false
  const { body } = result
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

/** The same response, once the first chunk of its body is there. */
async function begun(response: HttpResponse): Promise<HttpResponse> {
  const source = response.body as ReadableStream<Uint8Array> | null
  if (source === null) return response
  const reader = source.getReader()
  let next = reader.read()
  await next
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await next
      if (done) {
        controller.close()
        return
      }
      controller.enqueue(value)
      next = reader.read()
      // It is awaited by the next pull, which may come much later.
      next.catch(() => undefined)
    },
    cancel: (reason) => reader.cancel(reason),
  })
  const { status, headers, cookies, enableContentNegotiation } = response
  return new HttpResponse({ status, headers, cookies, enableContentNegotiation, body })
}
