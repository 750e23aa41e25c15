import type { InvocationDetails, InvocationSummary } from '../messages.ts'
import { h } from './element.ts'
import { previewText } from './format.ts'
import { invocation } from './host-api.ts'
import { titled } from './result.ts'

/** Shows everything that is kept of an invocation; what comes while it is asked for is asked for afterwards. */
export function showDetails(into: HTMLElement): (summary: InvocationSummary) => void {
  let isAsking = false
  let next: InvocationSummary | undefined
  return (summary) => {
    next = summary
    if (!isAsking) void ask()
  }

  async function ask(): Promise<void> {
    isAsking = true
    while (next !== undefined) {
      const { id } = next
      next = undefined
      try {
        const details = await invocation(id)
        if (details !== undefined) into.replaceChildren(...partsOf(details))
        else if (into.childElementCount === 0)
          into.replaceChildren(h('p', { class: 'quiet' }, 'It is no longer kept: newer ones took its place.'))
      } catch (error) {
        into.replaceChildren(
          h('p', { class: 'fault' }, error instanceof Error ? error.message : String(error)),
        )
      }
    }
    isAsking = false
  }
}

function partsOf(details: InvocationDetails): readonly HTMLElement[] {
  const { id, reason, error, logs, linesLeftOut, outputValues, returned } = details
  return [
    h('p', { class: 'quiet' }, `${reason} Id ${id}`),
    ...(error === undefined ? [] : titled('Error', error.stack === '' ? error.message : error.stack)),
    ...(logs.length === 0
      ? [h('p', { class: 'quiet' }, 'No log.')]
      : [
          h('h4', {}, 'Log'),
          h(
            'ol',
            { class: 'log', tabindex: '0', 'aria-label': 'Log' },
            ...logs.map(({ level, message }) =>
              h('li', { class: level }, h('span', { class: 'quiet' }, level), ' ', message),
            ),
          ),
        ]),
    ...(linesLeftOut === 0 ? [] : [h('p', { class: 'quiet' }, `${linesLeftOut} more lines are not kept.`)]),
    ...outputValues.flatMap(({ name, type, isWritten, value }) =>
      titled(`Output ${name} (${type}${isWritten ? '' : ', captured, not written'})`, previewText(value)),
    ),
    ...(returned === undefined ? [] : titled('Returned', previewText(returned))),
  ]
}
