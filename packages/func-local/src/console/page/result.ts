import type { InvokeResult, ShownValue } from '../../host/invoke-by-hand.ts'
import { h } from './element.ts'
import { durationOf } from './format.ts'

/** Shows how a call ended: in a few words, and whole. */
export function showResult(status: HTMLElement, into: HTMLElement, called: InvokeResult): void {
  const { functionName, ok, milliseconds, response, error, result, outputs, logs } = called
  const outcome = ok ? 'succeeded' : 'failed'
  status.replaceChildren(
    h('span', { class: `badge ${outcome}` }, outcome),
    ` ${functionName}, ${durationOf(milliseconds)}`,
  )
  into.replaceChildren(
    ...(error === undefined ? [] : [h('pre', { class: 'fault' }, error.message)]),
    ...(response === undefined
      ? []
      : [
          ...titled(`Response: ${response.status}`, headerLines(response.headers)),
          ...titled('Body', shown(response.body)),
        ]),
    ...(result === undefined ? [] : titled('Result', shown(result))),
    ...outputs.flatMap(({ name, type, value, isWritten }) =>
      titled(`Output ${name} (${type}${isWritten ? '' : ', captured, not written'})`, shown(value)),
    ),
    ...(logs.length === 0
      ? []
      : titled('Log', logs.map(({ level, message }) => `${level}: ${message}`).join('\n'))),
  )
}

/** A text under a title; nothing where the text is empty. */
export function titled(title: string, text: string): readonly HTMLElement[] {
  // What can be scrolled must be reached by the keyboard.
  return text === ''
    ? [h('h4', {}, title)]
    : [h('h4', {}, title), h('pre', { tabindex: '0', 'aria-label': title }, text)]
}

function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n')
}

function shown(value: ShownValue): string {
  if (value.kind === 'bytes') return `(bytes, Base64)\n${value.base64}`
  return value.kind === 'text' ? value.value : JSON.stringify(value.value, null, 2)
}
