import { realpathSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import * as v from 'valibot'
import { BindingError } from '../host/function.ts'
import type { ByHandCaller, InputData, InvokeOptions, InvokeResult } from '../host/invoke-by-hand.ts'
import type { Log } from '../host/log.ts'
import { redactedResult } from '../host/redacted-result.ts'
import { readJsonRequest } from './json-request.ts'
import { writeStatus } from './response.ts'

/** A value on its way to another process: text, or bytes in Base64. */
const value = v.union([
  v.strictObject({ text: v.string() }),
  v.strictObject({ base64: v.pipe(v.string(), v.base64()) }),
])

const requestSchema = v.strictObject({
  /** The folder of the app that is meant, without symbolic links; the host refuses the call when it runs another one. */
  appDirectory: v.string(),
  functionName: v.string(),
  /** Without it the sample is taken. */
  data: v.optional(value),
  inputs: v.optional(v.record(v.string(), value)),
  blob: v.optional(v.string()),
  fileName: v.optional(v.string()),
  /** Asks for the sample instead of a call. */
  sampleOnly: v.optional(v.boolean()),
  /** Hides values of secrets in the settings, for a page that is shown to others too. */
  hidesSecrets: v.optional(v.boolean()),
})

/** What `func-local invoke` and the console ask a host to do. */
export type InvokeRequest = v.InferOutput<typeof requestSchema>

/** What it answers. */
export type InvokeAnswer =
  | { readonly kind: 'result'; readonly result: InvokeResult }
  | { readonly kind: 'sample'; readonly sample: string }
  /** The function could not be called, and why. */
  | { readonly kind: 'refused'; readonly reason: string }

const OK = 200
const BAD_REQUEST = 400
const OTHER_APP = 409

/** A value for {@link InvokeRequest}. */
export function toWire(data: string | Uint8Array): v.InferOutput<typeof value> {
  return typeof data === 'string' ? { text: data } : { base64: Buffer.from(data).toString('base64') }
}

/** Calls a function by hand for another process of this machine. */
export async function handleInvoke(
  host: {
    readonly appDirectory: string
    readonly byHand: ByHandCaller
    readonly log: Pick<Log, 'redact'>
  },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJsonRequest(request, response)
  if (body === undefined) return
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), requestSchema), body.toString('utf8'))
  if (!parsed.success) {
    writeStatus(response, BAD_REQUEST)
    return
  }
  if (parsed.output.appDirectory !== realpathSync(host.appDirectory)) {
    writeStatus(response, OTHER_APP)
    return
  }
  const answer = await answerTo(parsed.output, host.byHand)
  const isRedacted = parsed.output.hidesSecrets === true
  const text = JSON.stringify(isRedacted ? redactedAnswer(answer, host.log.redact) : answer)
  if (response.destroyed) return
  response.writeHead(OK, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}

function redactedAnswer(answer: InvokeAnswer, redact: Log['redact']): InvokeAnswer {
  switch (answer.kind) {
    case 'result':
      return { kind: 'result', result: redactedResult(answer.result, redact) }
    case 'sample':
      return { kind: 'sample', sample: redact(answer.sample) }
    case 'refused':
      return { kind: 'refused', reason: redact(answer.reason) }
  }
}

/** Does what is asked for. */
export async function answerTo(asked: InvokeRequest, byHand: ByHandCaller): Promise<InvokeAnswer> {
  const { functionName, data, inputs = {}, blob, fileName, sampleOnly } = asked
  try {
    if (sampleOnly === true) return { kind: 'sample', sample: await byHand.sample(functionName) }
    const options: InvokeOptions = {
      blob,
      fileName,
      inputs: Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, fromWire(one)])),
    }
    const given = data === undefined ? undefined : fromWire(data)
    return { kind: 'result', result: await byHand.invoke(functionName, given, options) }
  } catch (error) {
    if (!(error instanceof BindingError)) throw error
    return { kind: 'refused', reason: error.message }
  }
}

function fromWire(one: v.InferOutput<typeof value>): InputData {
  return 'text' in one ? one.text : Buffer.from(one.base64, 'base64')
}
