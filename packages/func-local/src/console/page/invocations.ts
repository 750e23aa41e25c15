import type { InvocationChanges, InvocationSummary } from '../messages.ts'
import { announcer } from './announcer.ts'
import { byId, disclosure, h } from './element.ts'
import { count, durationOf, timeOf } from './format.ts'
import { showDetails } from './invocation-details.ts'

const MOST_ROWS = 200

interface Row {
  readonly element: HTMLElement
  readonly update: (summary: InvocationSummary) => void
  readonly summary: () => InvocationSummary
}

/** Shows invocations as they happen, the newest first. */
export function showInvocations(): (changes: InvocationChanges, isFirst: boolean) => void {
  const list = byId('invocation-list', HTMLOListElement)
  const functionFilter = byId('filter-function', HTMLSelectElement)
  const failedFilter = byId('filter-failed', HTMLInputElement)
  const pause = byId('pause', HTMLButtonElement)
  const rows = new Map<string, Row>()
  /** What came during a pause, as much of it as can be shown. */
  const held = new Map<string, InvocationSummary>()
  let stillRun: ReadonlySet<string> = new Set()
  const announce = announcer(byId('announcement', HTMLElement))

  functionFilter.addEventListener('change', filter)
  failedFilter.addEventListener('change', filter)
  pause.addEventListener('click', () => {
    const isPaused = pause.getAttribute('aria-pressed') !== 'true'
    pause.setAttribute('aria-pressed', String(isPaused))
    if (isPaused) return
    for (const summary of held.values()) apply(summary)
    held.clear()
    dropLost()
    pause.textContent = 'Pause'
  })
  byId('clear', HTMLButtonElement).addEventListener('click', () => {
    rows.clear()
    held.clear()
    list.replaceChildren()
  })

  return ({ total, failed, running, invocations }, isFirst) => {
    byId('counts', HTMLElement).textContent =
      total === 0 ? 'None yet.' : `${total} since the start, ${failed} failed.`
    stillRun = new Set(running)
    if (pause.getAttribute('aria-pressed') === 'true') {
      for (const summary of invocations) hold(summary)
      pause.textContent = `Resume (${held.size === MOST_ROWS ? `${MOST_ROWS} or more` : held.size} changed)`
      return
    }
    for (const summary of invocations) apply(summary)
    dropLost()
    if (!isFirst) announce(invocations)
  }

  function hold(summary: InvocationSummary): void {
    held.set(summary.id, summary)
    const [oldest] = held.keys()
    if (held.size > MOST_ROWS && oldest !== undefined) held.delete(oldest)
  }

  /** What ran when a host ended will never end; of many that end together, the host may not have told every end. */
  function dropLost(): void {
    for (const [id, { element, summary }] of rows) {
      if (summary().outcome !== 'running' || stillRun.has(id)) continue
      element.remove()
      rows.delete(id)
    }
  }

  function apply(summary: InvocationSummary): void {
    const known = rows.get(summary.id)
    if (known !== undefined) {
      known.update(summary)
      known.element.hidden = !isShown(summary)
      return
    }
    const row = rowOf(summary)
    row.element.hidden = !isShown(summary)
    rows.set(summary.id, row)
    list.prepend(row.element)
    offer(summary.functionName)
    const [oldest] = rows.keys()
    if (rows.size > MOST_ROWS && oldest !== undefined) {
      rows.get(oldest)?.element.remove()
      rows.delete(oldest)
    }
  }

  function offer(name: string): void {
    const names = [...functionFilter.options].map(({ value }) => value)
    if (names.includes(name)) return
    const after = [...functionFilter.options].find(({ value }) => value > name) ?? null
    functionFilter.add(h('option', { value: name }, name), after)
  }

  function filter(): void {
    for (const { element, summary } of rows.values()) element.hidden = !isShown(summary())
  }

  function isShown({ functionName, outcome }: InvocationSummary): boolean {
    return (
      (functionFilter.value === '' || functionFilter.value === functionName) &&
      (!failedFilter.checked || outcome === 'failed')
    )
  }
}

function rowOf(first: InvocationSummary): Row {
  let summary = first
  const outcome = h('span', {})
  const duration = h('span', { class: 'number' })
  const extras = h('span', { class: 'quiet' })
  const gist = h('span', { class: 'gist' })
  const region = h('div', { class: 'region' })
  const details = showDetails(region)
  const button = disclosure(
    [
      h('span', { class: 'number' }, timeOf(first.startedAt)),
      h('strong', {}, first.functionName),
      ...[outcome, duration, extras, gist],
    ],
    region,
    (isOpen) => {
      if (isOpen) details(summary)
    },
  )
  const update = (next: InvocationSummary): void => {
    summary = next
    const { outcome: how, status, milliseconds, lines, outputs } = next
    outcome.className = `badge ${how}`
    outcome.textContent = status === undefined ? how : `${how}, ${status}`
    duration.textContent = milliseconds === undefined ? '' : durationOf(milliseconds)
    extras.textContent = [
      ...(lines > 0 ? [count(lines, 'line')] : []),
      ...(outputs > 0 ? [count(outputs, 'output')] : []),
    ].join(', ')
    gist.textContent = next.gist
    gist.classList.toggle('fault', how === 'failed')
    if (!region.hidden) details(next)
  }
  update(first)
  return { element: h('li', { class: 'card' }, button, region), update, summary: () => summary }
}
