import { describe, expect, test } from '@jest/globals'
import { redactedResult } from '../src/host/redacted-result.ts'
import type { InvokeResult, ShownValue } from '../src/host/invoke-by-hand.ts'
import { INVOKE_PATH } from '../src/http/invoke-path.ts'
import { fileURLToPath } from 'node:url'
import { rawRequest } from './harness/exchange.ts'
import { responding, serve } from './harness/http-server.ts'

const SECRET = 'top-secret'
const redact = (text: string): string => text.replaceAll(SECRET, '***')
const text = (value: string): ShownValue => ({ kind: 'text', value })

describe('the result of a call without secrets', () => {
  const called = (what: string): InvokeResult => ({
    ...{ functionName: 'fn', invocationId: 'id', ok: false, milliseconds: 1 },
    result: { kind: 'json', value: { [what]: [`a ${what}`, 1, null, { deep: what }] } },
    response: { status: 200, headers: { 'x-key': what }, body: text(what) },
    error: { message: what, stackTrace: `at ${what}`, source: 'x' },
    outputs: [{ name: 'o', type: 'queue', value: text(`${what}!`), isWritten: true }],
    logs: [{ level: 'warning', message: what }],
  })

  test('has everything else', () => {
    expect(redactedResult(called(SECRET), redact)).toEqual(called('***'))
  })

  test('may be empty, or bytes', () => {
    const bytes: ShownValue = { kind: 'bytes', base64: '/w==' }
    const empty = { ...called('x'), result: bytes, response: undefined, outputs: [], logs: [] }
    for (const error of [undefined, { message: 'm' }])
      expect(redactedResult({ ...empty, error }, redact)).toEqual({ ...empty, error })
    expect(redactedResult({ ...empty, result: undefined }, redact).result).toBeUndefined()
  })
})

test('a call hides secrets for whoever asks for that', async () => {
  const server = await serve({
    secret: SECRET,
    functions: [{ name: 'web', run: () => responding({ statusCode: '200', body: { string: SECRET } }) }],
  })
  const appDirectory = fileURLToPath(new URL('./fixtures/basic', import.meta.url))
  const ask = async (more: object): Promise<unknown> => {
    const body = JSON.stringify({ appDirectory, functionName: 'web', ...more })
    const response = await rawRequest(server.port, 'POST', INVOKE_PATH, { 'content-type': 'application/json' }, body)
    return JSON.parse(response.body.toString())
  } // prettier-ignore
  try {
    expect(await ask({})).toMatchObject({ result: { response: { body: text(SECRET) } } })
    expect(await ask({ hidesSecrets: true })).toMatchObject({ result: { response: { body: text('***') } } })
    expect(await ask({ hidesSecrets: true, functionName: SECRET })).toEqual({
      kind: 'refused',
      reason: "There is no function '***'. There are: web.",
    })
    expect(await ask({ hidesSecrets: true, sampleOnly: true })).toMatchObject({ kind: 'sample' })
  } finally {
    await server.close()
  }
})
