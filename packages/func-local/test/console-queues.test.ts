import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { depthsOf, lookInto, namedQueues, queueIdOf, sendTo, type NamedQueue } from '../src/console/queues.ts'
import { BindingError, type FunctionDefinition } from '../src/host/function.ts'
import { refusal, startFakeStorage, type FakeStorage } from './harness/fake-storage.ts'
import { fakeFunction, fakeServices, type FakeServices } from './harness/services.ts'

let storage: FakeStorage
let services: FakeServices
beforeAll(async () => {
  storage = await startFakeStorage()
})
afterAll(() => storage.stop())
beforeEach(() => {
  storage.intercept = () => undefined
  const settings = {
    AzureWebJobsStorage: storage.connectionString,
    Other: storage.connectionString,
    NAME: 'named',
  }
  services = fakeServices({ ...settings, Away: 'UseDevelopmentStorage=true' })
})

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const output = (queueName: string, connection?: string): FunctionDefinition['outputs'][number] => ({
  ...{ name: `to-${queueName}`, type: 'queue', direction: 'out', queueName },
  ...(connection === undefined ? {} : { connection }),
})
const reader = (
  name: string,
  queueName: string,
  outputs: FunctionDefinition['outputs'] = [],
): { definition: FunctionDefinition } => ({
  definition: fakeFunction({ type: 'queueTrigger', queueName }, { name, outputs }),
})
const queuesOf = (...functions: { definition: FunctionDefinition }[]): readonly NamedQueue[] =>
  namedQueues(functions, services.settings)
const only = (...functions: { definition: FunctionDefinition }[]): NamedQueue => {
  const [queue] = queuesOf(...functions)
  if (queue === undefined) throw new Error('no queue')
  return queue
}
const noRedaction = (text: string): string => text

describe('the queues that functions name', () => {
  test('each is there once, with who reads it and who writes to it', () => {
    const queues = queuesOf(
      reader('a', 'Inbox', [output('out'), output('OUT', 'Other'), output('tenant-{id}')]),
      reader('b', '%NAME%', [output('inbox'), output('named')]),
      { definition: fakeFunction({ type: 'timerTrigger' }, { outputs: [output('out')] }) },
    )
    expect(queues.map(({ id, readers, writers, isPattern }) => [id, readers, writers, isPattern])).toEqual([
      ['AzureWebJobsStorage/inbox', ['a'], ['b'], false],
      ['AzureWebJobsStorage/out', [], ['a', 'fn'], false],
      ['AzureWebJobsStorage/tenant-{id}', [], ['a'], true],
      ['AzureWebJobsStorage/named', ['b'], ['b'], false],
    ])
    expect(queueIdOf(queues, 'b')).toBe('AzureWebJobsStorage/named')
    expect(queueIdOf(queues, 'fn')).toBeUndefined()
  })

  test('two names of one identity lead to one queue, and two queues have two ids', () => {
    const functions = [
      reader('a', 'inbox', [output('inbox', 'AzureWebJobsStorage'), output('inbox', 'Storage')]),
    ]
    const ids = (settings: Readonly<Record<string, string>>): string[] =>
      namedQueues(functions, fakeServices(settings).settings).map(({ id }) => id)
    const identity = { AzureWebJobsStorage__accountName: 'a' }
    expect(ids(identity)).toEqual(['AzureWebJobsStorage/inbox'])
    expect(ids({ ...identity, AzureWebJobsAzureWebJobsStorage__accountName: 'b' })).toEqual([
      'AzureWebJobsStorage/inbox',
      'AzureWebJobsAzureWebJobsStorage/inbox',
    ])
  })

  test('one whose name or connection cannot be used is left out', () => {
    const bad = [output('Not_Valid'), output('%NONE%'), output('fine', 'None')]
    expect(queuesOf({ definition: fakeFunction({ type: 'timerTrigger' }, { outputs: bad }) })).toEqual([])
  })
})

describe('how many messages there are', () => {
  test('in the queue and its poison queue, and whether they are there', async () => {
    for (const text of ['1', '2']) storage.putMessage('deep', text)
    storage.putMessage('deep-poison', '1')
    const queues = queuesOf(reader('a', 'deep', [output('missing'), output('x-{id}')]))
    expect(await depthsOf(queues, services)).toMatchObject([
      {
        name: 'deep',
        connection: 'AzureWebJobsStorage',
        depth: 2,
        poison: { name: 'deep-poison', depth: 1 },
      },
      { name: 'missing', depth: null, poison: undefined, error: undefined },
      { name: 'x-{id}', depth: null, poison: undefined, isPattern: true },
    ])
    expect(storage.requests.some(({ path }) => path.includes('x-'))).toBe(false)
  })

  test('a poison queue has no poison queue', async () => {
    const [shown] = await depthsOf(queuesOf(reader('a', 'deep-poison')), services)
    expect(shown?.poison).toBeUndefined()
  })

  test('storage that refuses is said, and the other queues are shown', async () => {
    storage.intercept = ({ path }) =>
      path.startsWith('/closed') ? refusal(403, 'AuthorizationFailure') : undefined
    const [closed, open] = await depthsOf(queuesOf(reader('a', 'closed', [output('deep')])), services)
    expect(closed?.error).toBe(
      "403 AuthorizationFailure AuthorizationFailure. Check the key of connection 'AzureWebJobsStorage', or the roles of its identity.",
    )
    expect(open?.error).toBeUndefined()
  })
})

describe('a look at messages', () => {
  test('they are decoded, and stay where they are', async () => {
    storage.putMessage('seen', base64('{"n":1}'))
    storage.putMessage('seen', 'plain text')
    storage.putMessage('seen', Buffer.from([0xff]).toString('base64'))
    const looked = await lookInto(only(reader('a', 'seen')), false, services, noRedaction)
    expect(looked).toMatchObject({
      messages: [
        { isDecoded: true, dequeueCount: 0, insertedAt: expect.any(Number), body: { text: '{"n":1}' } },
        { isDecoded: false, body: { text: 'plain text' } },
        { isDecoded: true, body: { text: 'ff', isHex: true } },
      ],
    })
    expect(storage.queues.get('seen')).toHaveLength(3)
    expect(storage.requests.at(-1)?.query.get('peekonly')).toBe('true')
  })

  test('of the poison queue too, and secrets are hidden', async () => {
    storage.putMessage('seen-poison', base64('a secret'))
    const queue = only(reader('a', 'seen'))
    const looked = await lookInto(queue, true, services, (text) => text.replace('secret', '***'))
    expect(looked).toMatchObject({ messages: [{ body: { text: 'a ***' } }] })
  })

  test('a secret where a message is cut is hidden whole', async () => {
    const secret = 'k'.repeat(48)
    const long = '-'.repeat(4056)
    storage.putMessage('long', base64(long + secret))
    storage.putMessage('long', `${long} ${secret}`)
    const looked = await lookInto(only(reader('a', 'long')), false, services, (text) =>
      text.replaceAll(secret, '***'),
    )
    expect(looked).toMatchObject({
      messages: [{ body: { text: `${long}***` } }, { isDecoded: false, body: { text: `${long} ***` } }],
    })
  })

  test('what cannot be looked at is said', async () => {
    const absent = only(reader('a', 'absent'))
    expect(await lookInto(absent, false, services, noRedaction)).toEqual({
      kind: 'failed',
      reason: "There is no queue 'absent' yet: the first message creates it.",
    })
    const none = { kind: 'failed', reason: 'There is no such queue.' }
    expect(await lookInto(only(reader('a', 'x-poison')), true, services, noRedaction)).toEqual(none)
    const pattern = { definition: fakeFunction({ type: 'timerTrigger' }, { outputs: [output('x-{id}')] }) }
    expect(await lookInto(only(pattern), false, services, noRedaction)).toEqual(none)
    storage.intercept = () => refusal(500, 'InternalError')
    expect(await lookInto(absent, false, services, noRedaction)).toEqual({
      kind: 'failed',
      reason: '500 InternalError InternalError. The storage service is busy or failing; try later.',
    })
  })
})

describe('a message from the console', () => {
  test('is encoded as host.json says, and creates its queue', async () => {
    await sendTo(only(reader('a', 'new-one')), Buffer.from('ü'), services)
    expect(storage.queues.get('new-one')).toMatchObject([{ text: base64('ü') }])
    const plain = fakeServices(
      { AzureWebJobsStorage: storage.connectionString },
      { 'extensions.queues': { messageEncoding: 'none' } },
    )
    await sendTo(only(reader('a', 'new-one')), Buffer.from('ü'), plain)
    expect(storage.queues.get('new-one')?.at(-1)).toMatchObject({ text: 'ü' })
  })

  test('that storage does not take is an error with the reason', async () => {
    storage.intercept = () => refusal(413, 'RequestBodyTooLarge')
    await expect(sendTo(only(reader('a', 'new-one')), Buffer.from('x'), services)).rejects.toThrow(
      BindingError,
    )
  })
})
