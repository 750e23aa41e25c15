import type { AppState } from '../messages.ts'
import { byId, h } from './element.ts'
import { timeOf } from './format.ts'

/** Shows what the host said about the app, the newest first; a new error is also said at once, until the app loads again. */
export function showEntries(): (state: AppState, isFirst: boolean) => void {
  const list = byId('entry-list', HTMLOListElement)
  const alert = byId('alert', HTMLElement)
  let latest = -1
  let pid: number | undefined
  return ({ entries, workerPid }, isFirst) => {
    const known = isFirst ? -1 : latest
    const news = entries.filter(({ id }) => id > known)
    latest = entries.at(-1)?.id ?? latest
    if (isFirst) list.replaceChildren()
    for (const { at, level, text } of news) {
      list.prepend(
        h(
          'li',
          { class: `card ${level}` },
          h('span', { class: 'number' }, timeOf(at)),
          ' ',
          h('span', { class: `badge ${level}` }, level),
          h('pre', { tabindex: '0', 'aria-label': `${level} of the host` }, text),
        ),
      )
    }
    while (list.children.length > entries.length) list.lastElementChild?.remove()
    if (workerPid !== undefined && workerPid !== pid) {
      pid = workerPid
      alert.replaceChildren()
    }
    const error = isFirst ? undefined : news.find(({ level }) => level === 'error')
    if (error !== undefined) say(error.text)
  }

  function say(text: string): void {
    const [first = ''] = text.split('\n')
    const dismiss = h('button', { type: 'button' }, 'Dismiss')
    dismiss.addEventListener('click', () => {
      alert.replaceChildren()
    })
    alert.replaceChildren(h('p', {}, first, ' ', h('a', { href: '#host' }, 'Details')), dismiss)
  }
}
