/** What an element can be given: attributes, and listeners by the names of their events. */
export type Properties = Readonly<Record<string, string | boolean | undefined | ((event: Event) => void)>>

/** Makes an element. Children that are text become text, whatever they hold: nothing here is ever read as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties,
  ...children: readonly (Node | string | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (typeof value === 'boolean') element.toggleAttribute(name, value)
    else if (value !== undefined) element.setAttribute(name, value)
  }
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** An element of the page by its id. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`The page has no ${id}.`)
  return element
}

let serial = 0

/** A field with its label. */
export function field(
  label: string,
  input: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement,
  hint?: string,
): HTMLElement {
  input.id = `field-${++serial}`
  const about = hint === undefined ? undefined : h('span', { class: 'quiet', id: `${input.id}-hint` }, hint)
  if (about !== undefined) input.setAttribute('aria-describedby', about.id)
  return h('div', { class: 'field' }, h('label', { for: input.id }, label), input, about)
}

/** A button that shows and hides what it is about; what that is, is made when it is first shown. */
export function disclosure(
  content: readonly (Node | string)[],
  region: HTMLElement,
  onToggle: (isOpen: boolean) => void,
): HTMLButtonElement {
  region.id = `region-${++serial}`
  region.hidden = true
  const button = h(
    'button',
    {
      ...{ type: 'button', class: 'disclosure', 'aria-expanded': 'false', 'aria-controls': region.id },
      click: () => {
        const isOpen = region.hidden === true
        region.hidden = !isOpen
        button.setAttribute('aria-expanded', String(isOpen))
        onToggle(isOpen)
      },
    },
    ...content,
  )
  return button
}
