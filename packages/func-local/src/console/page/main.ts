import type { AppState } from '../messages.ts'
import { byId } from './element.ts'
import { followStream } from './event-stream.ts'
import { showFunctions } from './functions.ts'
import { showEntries } from './host-entries.ts'
import { useKey } from './host-api.ts'
import { showInvocations } from './invocations.ts'
import { showQueues } from './queues.ts'

let appDirectory = ''
const connection = byId('connection', HTMLElement)
const keyForm = byId('key', HTMLFormElement)
const askQueues = showQueues()
const functions = showFunctions({ appDirectory: () => appDirectory, onSent: askQueues.now })
const entries = showEntries()

const tryAgain = followStream({
  app: (state, isFirst) => {
    showApp(state)
    // What is typed stays while a crashed app is started again.
    if (state.phase === 'running') functions(state.functions)
    entries(state, isFirst)
    askQueues.whenSeen()
  },
  invocations: showInvocations(),
  connected: () => {
    keyForm.hidden = true
  },
  lost: (reason) => {
    say('lost', `${reason} Trying again …`)
  },
  keyNeeded: () => {
    keyForm.hidden = false
    say('lost', 'The host asks for its key.')
    byId('key-value', HTMLInputElement).focus()
  },
})

keyForm.addEventListener('submit', (event) => {
  event.preventDefault()
  useKey(byId('key-value', HTMLInputElement).value)
  tryAgain()
})

function showApp(state: AppState): void {
  const { phase, version } = state
  appDirectory = state.appDirectory
  const name = appDirectory.replace(/^.*[\\/]/, '')
  document.title = `${name} – func-local`
  const title = byId('title', HTMLElement)
  title.textContent = name
  title.title = appDirectory
  if (phase === 'running') say('running', `Running, func-local ${version}`)
  else say('loading', 'The app is loading, or is started again.')
}

function say(state: 'running' | 'loading' | 'lost', text: string): void {
  if (connection.textContent !== text) connection.textContent = text
  connection.className = state
}
