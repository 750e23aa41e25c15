import type { FunctionForm } from '../messages.ts'
import { field, h } from './element.ts'
import { invoke, sendMessage, type Data } from './host-api.ts'
import { pretty } from './format.ts'
import { showResult } from './result.ts'

/** What forms need of the page. */
export interface FormContext {
  /** The folder of the app that is shown. */
  readonly appDirectory: () => string
  /** A message was put on a queue. */
  readonly onSent: () => void
}

/** What a form sends. */
interface Call {
  readonly data?: Data
  readonly blob?: string
  readonly fileName?: string
}

/** The input is not in the form that it needs; the message says which. */
class InputError extends Error {}

/** The form that calls a function, and the result of the latest call. */
export function functionForm(name: string, form: FunctionForm, context: FormContext): HTMLFormElement {
  const { fields, read, action } = partsOf(form)
  // A screen reader says the status; the rest is there to be read.
  const status = h('p', { role: 'status' })
  const result = h('div', { class: 'result' })
  const call = h('button', { type: 'submit', class: form.kind === 'queue' ? '' : 'primary' }, action)
  const buttons = [call]
  if (form.kind === 'queue') {
    const put = h('button', { type: 'button', class: 'primary' }, 'Put on the queue')
    put.addEventListener('click', () => {
      void run(async () => {
        const { data } = await read()
        await sendMessage(form.queue, data ?? { text: '' })
        status.replaceChildren(`Sent to ${form.queue.replace(/^.*\//, '')}. Its invocation is in the list.`)
        context.onSent()
      })
    })
    buttons.unshift(put)
  }
  return h(
    'form',
    {
      submit: (event) => {
        event.preventDefault()
        void run(async () => {
          const asked = { appDirectory: context.appDirectory(), functionName: name, ...(await read()) }
          showResult(status, result, (await invoke(asked)).result)
        })
      },
    },
    ...fields,
    h('div', { class: 'bar' }, ...buttons),
    status,
    result,
  )

  async function run(work: () => Promise<void>): Promise<void> {
    // A disabled button would lose the focus.
    if (result.getAttribute('aria-busy') === 'true') return
    result.setAttribute('aria-busy', 'true')
    result.replaceChildren()
    status.replaceChildren('Running …')
    try {
      await work()
    } catch (error) {
      status.replaceChildren(
        h('span', { class: 'fault' }, error instanceof Error ? error.message : String(error)),
      )
    } finally {
      result.removeAttribute('aria-busy')
    }
  }
}

function partsOf(form: FunctionForm): {
  readonly fields: readonly Node[]
  readonly read: () => Call | Promise<Call>
  readonly action: string
} {
  switch (form.kind) {
    case 'http':
      return httpParts(form)
    case 'blob':
      return blobParts(form)
    case 'timer': {
      const data = textArea('', 2)
      const hint = 'May stay empty. Parts of the Timer, for example {"isPastDue": true}.'
      return {
        fields: [field('Timer', data, hint)],
        read: () => (data.value.trim() === '' ? {} : { data: { text: data.value } }),
        action: 'Run now',
      }
    }
    case 'queue':
    case 'other': {
      const data = textArea(pretty(form.sample), 5)
      return {
        fields: [field(form.kind === 'queue' ? 'Message' : 'Data', data)],
        read: () => ({ data: { text: data.value } }),
        action: form.kind === 'queue' ? 'Call without the queue' : 'Call',
      }
    }
  }
}

function httpParts(form: FunctionForm & { readonly kind: 'http' }): ReturnType<typeof partsOf> {
  const method = h(
    'select',
    {},
    ...form.methods.map((name) => h('option', { selected: name === form.method }, name)),
  )
  const params = form.params.map(({ name, value, isOptional }) => ({
    name,
    input: h('input', { value, required: !isOptional, autocomplete: 'off', spellcheck: 'false' }),
    label: isOptional ? `${name} (optional)` : name,
  }))
  const query = h('input', { autocomplete: 'off', spellcheck: 'false' })
  const headers = textArea('', 2)
  const body = textArea(form.body ?? '', 5)
  return {
    fields: [
      field('Method', method),
      ...params.map(({ label, input }) => field(`Route: ${label}`, input)),
      field('Query', query, 'name=Ada&age=36'),
      field('Headers', headers, 'One a line: Name: value'),
      field('Body', body),
    ],
    read: () => {
      const given = params.filter(({ input }) => input.value !== '')
      const request = {
        method: method.value,
        params: Object.fromEntries(given.map(({ name, input }) => [name, input.value])),
        query: grouped([...new URLSearchParams(query.value.replace(/^\?/, ''))]),
        headers: headersIn(headers.value),
        body: body.value,
      }
      return { data: { text: JSON.stringify(request) } }
    },
    action: 'Send the request',
  }
}

/** @throws {InputError} */
function headersIn(text: string): Readonly<Record<string, readonly string[]>> {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return grouped(
    lines.map((line) => {
      const [, name, value] = /^\s*([^\s:]+)\s*:\s*(.*?)\s*$/.exec(line) ?? []
      if (name === undefined || value === undefined)
        throw new InputError(`'${line}' is no header: write Name: value.`)
      return [name, value]
    }),
  )
}

/** The values of each name: it may come several times. */
function grouped(entries: readonly (readonly [string, string])[]): Record<string, readonly string[]> {
  const values = new Map<string, readonly string[]>()
  for (const [name, value] of entries) values.set(name, [...(values.get(name) ?? []), value])
  return Object.fromEntries(values)
}

function blobParts(form: FunctionForm & { readonly kind: 'blob' }): ReturnType<typeof partsOf> {
  const name = h('input', { autocomplete: 'off', spellcheck: 'false' })
  const file = h('input', { type: 'file' })
  const content = textArea(form.sample, 5)
  return {
    fields: [
      field('Name', name, `container/name that fits ${form.path}; empty: one is made.`),
      field('File', file, 'Its content is taken instead of the text.'),
      field('Content', content),
    ],
    read: async () => {
      const chosen = file.files?.[0]
      const blob = name.value.trim() === '' ? {} : { blob: name.value.trim() }
      if (chosen === undefined) return { data: { text: content.value }, ...blob }
      return { data: { base64: await base64Of(chosen) }, fileName: chosen.name, ...blob }
    },
    action: 'Call',
  }
}

async function base64Of(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  const PIECE = 0x8000
  let binary = ''
  for (let at = 0; at < bytes.length; at += PIECE)
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  return btoa(binary)
}

function textArea(value: string, rows: number): HTMLTextAreaElement {
  const area = h('textarea', { rows: String(rows), spellcheck: 'false', autocomplete: 'off' })
  area.value = value
  return area
}
