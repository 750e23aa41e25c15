import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { startHost, type FunctionsHost } from '../src/index.ts'
import { writeApp, type TestApp } from './harness/app.ts'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { until } from './harness/fake-storage.ts'
import { onCoreTools } from './harness/host.ts'

const APP = `const { app, output } = require('@azure/functions')
const connection = 'AzureWebJobsStorage'
const greetings = output.storageQueue({ queueName: 'greetings', connection })
app.http('hello', {
  extraOutputs: [greetings],
  handler: (request, context) => {
    context.extraOutputs.set(greetings, { name: request.query.get('name') })
    return { status: 202 }
  },
})
app.storageQueue('greet', {
  queueName: 'greetings',
  connection,
  return: output.storageQueue({ queueName: 'greeted', connection }),
  handler: (message) => [message.name, 'done'],
})
`

;(onCoreTools ? describe.skip : describe)('startHost with storage', () => {
  let azurite: Azurite
  let app: TestApp
  let host: FunctionsHost

  beforeAll(async () => {
    azurite = await startAzurite()
    app = await writeApp({ 'src/app.js': APP })
    host = await startHost({
      scriptRoot: app.directory,
      settings: {
        NODE_OPTIONS: '',
        AzureWebJobsStorage: azurite.connectionString,
        AzureFunctionsJobHost__extensions__queues__maxPollingInterval: '00:00:00.100',
      },
    })
  })
  afterAll(async () => {
    await host.stop()
    await app.remove()
    await azurite.stop()
  })

  test('a request and the message that it causes: the outputs of both functions are there, and were written', async () => {
    await fetch(`${host.url}/api/hello?name=Grace`)
    await until(() => host.outputs('greet').length > 0)
    expect(host.outputs('hello')).toMatchObject([
      { type: 'queue', binding: { queueName: 'greetings' }, value: { name: 'Grace' }, isWritten: true },
    ])
    expect(host.outputs('greet')).toMatchObject([
      { name: '$return', binding: { queueName: 'greeted' }, value: ['Grace', 'done'], isWritten: true },
    ])
  })

  test('invoke gives a queue function its message, without the queue', async () => {
    const { result, outputs } = await host.invoke('greet', { name: 'Ada' })
    expect(result).toEqual(['Ada', 'done'])
    expect(outputs).toMatchObject([{ value: ['Ada', 'done'], isWritten: true }])
  })
})
