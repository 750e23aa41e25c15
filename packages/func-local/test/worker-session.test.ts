import { once } from 'node:events'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { openWorkerSession, type FromWorker, type WorkerSession } from '../src/worker-session.ts'

const worker = path.resolve('packages/func-local/dist/worker.js')
const app = path.resolve('packages/func-local/test/fixtures/basic')

/** A session, and its messages in the order in which they came. */
function open() {
  const messages: FromWorker[] = []
  let arrived: () => void = () => undefined
  const session = openWorkerSession({
    script: worker,
    appDirectory: app,
    environment: process.env,
    onMessage: (message) => {
      messages.push(message)
      arrived()
    },
  })
  const next = async <Type extends FromWorker['type']>(type: Type) => {
    for (;;) {
      const index = messages.findIndex((message) => message.type === type)
      const [message] = index < 0 ? [] : messages.splice(index, 1)
      if (message !== undefined) return message as Extract<FromWorker, { type: Type }>
      await new Promise<void>((resolve) => (arrived = resolve))
    }
  }
  return { ...session, next }
}

async function end({ child, send }: Pick<WorkerSession, 'child' | 'send'>): Promise<void> {
  const ended = once(child, 'exit')
  send({ type: 'terminate' })
  await ended
}

test('a worker responds to a status message before and after it has loaded the app', async () => {
  const session = open()
  session.send({ type: 'status' })
  await session.next('status')
  session.send({ type: 'init', appDirectory: app, hostVersion: '4.1037.0' })
  const { functions } = await session.next('ready')
  expect(functions.length).toBeGreaterThan(0)
  session.send({ type: 'status' })
  await session.next('status')
  await end(session)
})

test('an app that does not load is reported as failed, and the worker still responds', async () => {
  const session = open()
  session.send({ type: 'init', appDirectory: path.join(app, 'missing'), hostVersion: '4.1037.0' })
  const { message } = await session.next('failed')
  expect(message).toMatch(/package\.json/)
  session.send({ type: 'status' })
  await session.next('status')
  await end(session)
})
