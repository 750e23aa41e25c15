import type { QueueLook, ShownQueue } from '../messages.ts'
import { byId, disclosure, h } from './element.ts'
import { count, previewText, timeOf } from './format.ts'
import { look, queues } from './host-api.ts'

const PAUSE_MS = 2000

interface Card {
  readonly element: HTMLElement
  readonly shown: string
  readonly update: (queue: ShownQueue) => void
}

/**
 * Shows the queues. Storage is asked only while somebody can see them: the page is in front, and this part of it in view.
 * Returns what asks at once, and what asks when somebody can see them.
 */
export function showQueues(): { readonly now: () => void; readonly whenSeen: () => void } {
  const list = byId('queue-list', HTMLUListElement)
  const cards = new Map<string, Card>()
  let isInView = false
  let isAsking = false

  new IntersectionObserver((entries) => {
    isInView = entries.some(({ isIntersecting }) => isIntersecting)
    if (isInView) void ask()
  }).observe(byId('queues', HTMLElement))
  document.addEventListener('visibilitychange', () => void askWhenSeen())
  setInterval(() => void askWhenSeen(), PAUSE_MS)
  return { now: () => void ask(), whenSeen: () => void askWhenSeen() }

  async function askWhenSeen(): Promise<void> {
    if (isInView && document.visibilityState === 'visible') await ask()
  }

  async function ask(): Promise<void> {
    if (isAsking) return
    isAsking = true
    try {
      show(await queues())
    } catch {
      // The connection says that the host is away.
    } finally {
      isAsking = false
    }
  }

  function show(all: readonly ShownQueue[]): void {
    const ids = new Set(all.map(({ id }) => id))
    for (const [id, { element }] of cards) {
      if (ids.has(id)) continue
      element.remove()
      cards.delete(id)
    }
    for (const queue of all) {
      const known = cards.get(queue.id)
      if (known?.shown === shownOf(queue)) {
        known.update(queue)
        continue
      }
      const card = cardOf(queue)
      cards.set(queue.id, card)
      if (known === undefined) list.append(card.element)
      else known.element.replaceWith(card.element)
    }
    list.querySelector('.none')?.remove()
    if (all.length === 0) list.append(h('li', { class: 'none quiet' }, 'No function names a queue.'))
  }
}

/** What a card is made of: only depths and the error change without another card. */
function shownOf({ name, connection, readers, writers, isPattern, poison }: ShownQueue): string {
  return JSON.stringify([name, connection, readers, writers, isPattern, poison?.name])
}

function cardOf(first: ShownQueue): Card {
  const shown = shownOf(first)
  const { id, name, connection, readers, writers, isPattern, poison } = first
  const users = [
    ...(readers.length > 0 ? [`read by ${readers.join(', ')}`] : []),
    ...(writers.length > 0 ? [`written by ${writers.join(', ')}`] : []),
  ]
  const about = h('p', { class: 'quiet' }, `${connection}; ${users.join('; ')}`)
  const fault = h('p', { class: 'fault' })
  if (isPattern) {
    const content = [
      h('strong', {}, name),
      h('span', { class: 'quiet' }, 'its name is made when a function runs'),
    ]
    const element = h('li', { class: 'card' }, h('div', { class: 'line' }, ...content), about)
    return { shown, element, update: () => undefined }
  }
  const own = lookButton(id, name, false)
  const poisoned = poison === undefined ? undefined : lookButton(id, poison.name, true)
  const update = (queue: ShownQueue): void => {
    own.update(queue.depth, queue.error)
    poisoned?.update(queue.poison?.depth ?? null, queue.error)
    fault.textContent = queue.error ?? ''
    fault.hidden = queue.error === undefined
  }
  update(first)
  const parts = [own, ...(poisoned === undefined ? [] : [poisoned])]
  const content = parts.flatMap(({ button, region }) => [h('h3', {}, button), region])
  return { shown, element: h('li', { class: 'card' }, ...content, about, fault), update }
}

function lookButton(
  id: string,
  name: string,
  isPoison: boolean,
): {
  readonly button: HTMLButtonElement
  readonly region: HTMLElement
  readonly update: (depth: number | null, error: string | undefined) => void
} {
  const depth = h('span', {})
  const region = h('div', { class: 'region', role: 'group', 'aria-label': `Messages of ${name}` })
  const button = disclosure([h('strong', {}, name), depth], region, (isOpen) => {
    if (isOpen) void show()
  })
  let known: number | null | undefined
  return {
    button,
    region,
    update: (next, error) => {
      if (error !== undefined) depth.textContent = 'unknown'
      else depth.textContent = next === null ? 'not there yet' : count(next, 'message')
      depth.className = isPoison && (next ?? 0) > 0 ? 'badge failed' : 'badge'
      const hasChanged = known !== undefined && known !== next
      known = next
      if (hasChanged && !region.hidden) void show()
    },
  }

  async function show(): Promise<void> {
    try {
      region.replaceChildren(...messagesOf(await look(id, isPoison), isPoison), again())
    } catch (error) {
      region.replaceChildren(
        h('p', { class: 'fault' }, error instanceof Error ? error.message : String(error)),
      )
    }
  }

  function again(): HTMLElement {
    const refresh = h('button', { type: 'button' }, 'Look again')
    refresh.addEventListener('click', () => {
      void show().then(() => region.querySelector('button')?.focus())
    })
    return refresh
  }
}

function messagesOf(looked: QueueLook, isPoison: boolean): readonly HTMLElement[] {
  if (looked.kind === 'failed') return [h('p', { class: 'quiet' }, looked.reason)]
  const { messages } = looked
  if (messages.length === 0) {
    const hidden = isPoison ? '' : ' Those that run, or wait for their next delivery, are hidden.'
    return [h('p', { class: 'quiet' }, `No message is visible.${hidden}`)]
  }
  return messages.map(({ id, dequeueCount, insertedAt, body, isDecoded }) =>
    h(
      'article',
      { 'aria-label': `Message ${id}` },
      h(
        'p',
        { class: 'quiet' },
        `${timeOf(insertedAt)}, delivered ${count(dequeueCount, 'time')}, id ${id}${isDecoded ? '' : '; not Base64 text, as it is'}`,
      ),
      h('pre', { tabindex: '0', 'aria-label': 'Text' }, previewText(body)),
    ),
  )
}
