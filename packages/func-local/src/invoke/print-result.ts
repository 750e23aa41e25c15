import type { InvokedOutput, InvokeResult, ShownValue } from '../host/invoke-by-hand.ts'

/** A result for people: what was logged, the outputs, then the response, the return value or the error. */
export function describeResult(result: InvokeResult): string {
  const { functionName, ok, milliseconds, logs, outputs, response, error } = result
  const lines = [
    `Function '${functionName}' ${ok ? 'succeeded' : 'failed'} in ${milliseconds} ms.`,
    ...titled(
      'Log',
      logs.map(({ level, message }) => `${level}: ${message}`),
    ),
    ...titled(
      'Outputs',
      outputs.filter(({ name }) => name !== RETURN || result.result === undefined).map(shownOutput),
    ),
  ]
  if (error !== undefined) lines.push(...titled('Error', [error.stackTrace || error.message])) // eslint-disable-line @typescript-eslint/prefer-nullish-coalescing
  if (response !== undefined) {
    const { status, headers, body } = response
    const head = [String(status), ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
    const text = shown(body)
    lines.push(...titled('Response', text === '' ? head : [...head, '', text]))
  } else if (result.result !== undefined) {
    const own = outputs.find(({ name }) => name === RETURN)
    lines.push(
      ...titled(own === undefined ? 'Result' : `Result, ${destination(own)}`, [shown(result.result)]),
    )
  }
  return `${lines.join('\n')}\n`
}

const RETURN = '$return'

function shownOutput(output: InvokedOutput): string {
  return `${output.name}, ${destination(output)}: ${shown(output.value)}`
}

function destination({ type, isWritten }: InvokedOutput): string {
  return `${type} (${isWritten ? 'written' : 'captured, not written'})`
}

function titled(title: string, texts: readonly string[]): string[] {
  if (texts.length === 0) return []
  return ['', `${title}:`, ...texts.flatMap((text) => text.split('\n')).map((line) => `  ${line}`.trimEnd())]
}

function shown(value: ShownValue): string {
  switch (value.kind) {
    case 'json':
      return JSON.stringify(value.value, null, 2)
    case 'text':
      return value.value
    case 'bytes':
      return `${Buffer.byteLength(value.base64, 'base64')} bytes, Base64: ${value.base64}`
  }
}
