import { isObject } from '../config/json-file.ts'
import type { InvokeResult, ShownValue } from './invoke-by-hand.ts'

/** The result of a call without secrets, for a page that shows it; bytes that are no text stay as they are. */
export function redactedResult(called: InvokeResult, redact: (text: string) => string): InvokeResult {
  const { error, result, response, outputs, logs } = called
  return {
    ...called,
    result: result && shown(result),
    response: response && {
      ...response,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name, redact(value)]),
      ),
      body: shown(response.body),
    },
    error: error && {
      ...error,
      message: redact(error.message),
      ...(error.stackTrace === undefined ? {} : { stackTrace: redact(error.stackTrace) }),
    },
    outputs: outputs.map((output) => ({ ...output, value: shown(output.value) })),
    logs: logs.map(({ level, message }) => ({ level, message: redact(message) })),
  }

  function shown(value: ShownValue): ShownValue {
    if (value.kind === 'bytes') return value
    return value.kind === 'text'
      ? { kind: 'text', value: redact(value.value) }
      : { kind: 'json', value: redactedJson(value.value, redact) }
  }
}

/** JSON whose texts and names are without secrets. */
function redactedJson(value: unknown, redact: (text: string) => string): unknown {
  if (typeof value === 'string') return redact(value)
  if (Array.isArray(value)) return value.map((one: unknown) => redactedJson(one, redact))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [redact(name), redactedJson(one, redact)]),
  )
}
