import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startHost, type TestHost } from './harness/host.ts'

// https://learn.microsoft.com/azure/azure-functions/functions-reference-node#hooks
describe('hooks', () => {
  let host: TestHost

  beforeAll(async () => {
    host = await startHost('hooks', { env: { logging__logLevel__Worker: 'debug' } })
  })
  afterAll(async () => {
    await host.stop()
  })

  test('appStart hooks run before any invocation', async () => {
    await host.printed('Executing 1 "appStart" hooks')
    await host.printed('hook appStart')
    await host.printed('Executed "appStart" hooks')
  })

  test('invocation hooks see and change handler, inputs and result', async () => {
    const from = host.output().length
    expect(await (await host.fetch('/api/hooked')).text()).toBe('hooked')
    await host.printed(/Executed 'Functions.hooked' \(Succeeded/, from)
    const printed = host.output().slice(from)
    const inOrder = [
      'Executing 1 "preInvocation" hooks',
      'hook pre with 1 inputs of HttpRequest',
      "hook refused: Cannot assign to read only property 'hookData'",
      "hook refused: Cannot assign to read only property 'invocationContext'",
      'Executed "preInvocation" hooks',
      'hook handler replaced',
      'handler got added',
      'rewritten text',
      'Executing 1 "postInvocation" hooks',
      'hook post: null, {"body":"hooked"}, pre',
    ].map((text) => printed.indexOf(text))
    expect(inOrder).not.toContain(-1)
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b))
    expect(printed).not.toContain('hook that was disposed')
  })

  test('a post-invocation hook may turn a failure into a result', async () => {
    const response = await host.fetch('/api/rescued')
    expect([response.status, await response.text()]).toEqual([200, 'rescued from undefined'])
  })

  test('appTerminate hooks run when the host stops', async () => {
    expect(await host.stop()).toBe(0)
    expect(host.output()).toContain('hook appTerminate after appStart')
  })
})
