import type { ShownFunction } from '../messages.ts'
import { byId, disclosure, h } from './element.ts'
import { functionForm, type FormContext } from './function-form.ts'

const STATES = { ready: '', disabled: 'disabled', onCall: 'on call only', error: 'in error' } as const

interface Card {
  readonly element: HTMLElement
  readonly shown: string
}

/** Shows the functions, each with the form that calls it; what is typed there stays while a function does not change. */
export function showFunctions(context: FormContext): (functions: readonly ShownFunction[]) => void {
  const list = byId('function-list', HTMLUListElement)
  let cards = new Map<string, Card>()
  return (functions) => {
    const before = cards
    cards = new Map(
      functions.map((fn) => {
        const shown = JSON.stringify(fn)
        const known = before.get(fn.name)
        return [fn.name, known?.shown === shown ? known : { shown, element: cardOf(fn, context) }]
      }),
    )
    const elements = [...cards.values()].map(({ element }) => element)
    const isSame =
      elements.length === list.children.length &&
      elements.every((element, index) => element === list.children[index])
    // To move an element takes the focus away.
    if (!isSame)
      list.replaceChildren(...(elements.length > 0 ? elements : [h('li', { class: 'quiet' }, 'None.')]))
  }
}

function cardOf(fn: ShownFunction, context: FormContext): HTMLElement {
  const { name, trigger, source, state, reason, form } = fn
  const label = STATES[state]
  const content = [
    h('strong', {}, name),
    h('span', { class: 'quiet' }, trigger.replace(/Trigger$/i, '')),
    ...(source === undefined ? [] : [h('code', {}, source)]),
    ...(label === '' ? [] : [h('span', { class: `badge ${state}` }, label)]),
  ]
  const why =
    reason === undefined ? undefined : h('p', { class: state === 'error' ? 'fault' : 'quiet' }, reason)
  if (form === undefined) return h('li', { class: 'card' }, h('div', { class: 'line' }, ...content), why)
  const region = h('div', { class: 'region', role: 'group', 'aria-label': `Call ${name}` })
  const button = disclosure(content, region, () => {
    if (region.childElementCount === 0) region.append(functionForm(name, form, context))
  })
  return h('li', { class: 'card' }, h('h3', {}, button), why, region)
}
