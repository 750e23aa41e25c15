import { describe, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describeValue } from '../src/bindings/captured.ts'
import { readHostConfig } from '../src/config/host-config.ts'
import { settingsOf } from '../src/config/settings.ts'
import { registry } from './harness/registry.ts'
import type { NamedBinding } from '../src/host/function.ts'
import type { LoadedFunction } from '../src/host/generation.ts'
import { createInvocationFeed } from '../src/host/invocation-feed.ts'
import { describeOnCall } from '../src/host/on-call.ts'
import type { TypedData } from '../src/protocol.ts'
import type { Listener, Services, TriggerEvent } from '../src/registry.ts'
import { createThrottle } from '../src/http/throttle.ts'
import { createFakeLog } from './harness/fake-log.ts'
import { fixture } from './harness/host.ts'

const settings = settingsOf(new Map([['BUS', 'Endpoint=sb://x']]))
const services: Services = {
  settings,
  hostConfig: readHostConfig(fixture('on-call'), settings),
  log: createFakeLog(),
  instanceId: '0',
  origin: 'http://localhost:7071',
  invocations: createInvocationFeed(),
}

function bind(type: string, properties: Readonly<Record<string, unknown>> = {}, name = 'fn'): LoadedFunction {
  const trigger: NamedBinding = { ...properties, type, name: 'trigger', direction: 'in' }
  const definition = { id: name, name, trigger, inputs: [], outputs: [], retry: undefined }
  const notHere = (): never => {
    throw new Error('not here')
  }
  const listener: Listener = registry.trigger(type).bind({
    fn: definition,
    services,
    bound: [],
    throttle: createThrottle({ concurrent: -1, outstanding: -1 }),
    capabilities: {},
    invoke: notHere,
  })
  return { definition, disabled: false, listener, invoke: notHere, invokeOnce: notHere }
}

async function eventOf(
  type: string,
  data: string | Buffer,
  properties?: Readonly<Record<string, unknown>>,
): Promise<TriggerEvent> {
  const { byHand } = bind(type, properties).listener
  if (byHand.kind !== 'event') throw new Error(`${type} is called over HTTP`)
  return await byHand.event(Buffer.from(data), { isGiven: true })
}

function sampleOf(type: string, properties?: Readonly<Record<string, unknown>>): string {
  return bind(type, properties).listener.byHand.sample()
}

const json = (data: TypedData): unknown => JSON.parse(data.string ?? '')

// What the function gets, on the wire:
// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.Grpc/MessageExtensions/GrpcMessageConversionExtensions.cs
describe('the event of a call by hand', () => {
  test.each<[string, Record<string, unknown>, string, TypedData]>([
    ['serviceBusTrigger', {}, '{"a":1}', { string: '{"a":1}' }],
    ['serviceBusTrigger', { dataType: 'binary' }, 'x', { bytes: Buffer.from('x') }],
    [
      'SERVICEBUSTRIGGER',
      { cardinality: 'Many' },
      '["x",{"a":1}]',
      { collectionString: { string: ['x', '{"a":1}'] } },
    ],
    [
      'eventHubTrigger',
      { cardinality: 'many', dataType: 'binary' },
      '["x"]',
      { collectionBytes: { bytes: [Buffer.from('x')] } },
    ],
    ['rabbitMQTrigger', {}, 'text', { string: 'text' }],
    ['cosmosDBTrigger', {}, '{"id":"1"}', { string: '[{"id":"1"}]' }],
    ['mysqlTrigger', {}, '[{"Id":1}]', { string: '[{"Operation":0,"Item":{"Id":1}}]' }],
    ['activityTrigger', {}, 'Tokyo', { string: '"Tokyo"' }],
    ['activityTrigger', {}, '{"a":1}', { string: '{"a":1}' }],
    ['someTrigger', {}, 'text', { string: 'text' }],
    ['someTrigger', { dataType: 'binary' }, 'text', { bytes: Buffer.from('text') }],
    ['warmupTrigger', {}, '', { json: '{}' }],
  ])('%s %j with %s', async (type, properties, data, expected) => {
    expect((await eventOf(type, data, properties)).data).toEqual(expected)
  })

  test('bytes that are no text stay bytes where nobody knows the type', async () => {
    const bytes = Buffer.from([0xff, 0])
    expect((await eventOf('someTrigger', bytes)).data).toEqual({ bytes })
  })

  test("a Service Bus message's own properties override its metadata; several messages have arrays", async () => {
    const one = await eventOf('serviceBusTrigger', '{"deliveryCount":9,"MessageId":"mine"}')
    expect(one.metadata).toMatchObject({
      DeliveryCount: { json: '1' },
      deliveryCount: { string: '9' },
      MessageId: { string: 'mine' },
      SequenceNumber: { json: '1' },
    })
    expect(one.bindingData()).toMatchObject({ MessageId: 'mine', sequenceNumber: 1 })
    const many = await eventOf('serviceBusTrigger', '["a","b"]', { cardinality: 'many' })
    expect(many.metadata['SequenceNumberArray']).toEqual({ json: '[1,2]' })
    expect(many.metadata['SessionIdArray']).toBeUndefined()
    const session = await eventOf('serviceBusTrigger', 'x', { isSessionsEnabled: true })
    expect(session.metadata['SessionId']).toEqual({ string: 'session' })
  })

  // https://github.com/Azure/azure-functions-nodejs-extensions/blob/main/azure-functions-nodejs-extensions-servicebus/src/util/serviceBusMessageDecoder.ts
  test('with sdkBinding a message is its lock token, a mark and AMQP', async () => {
    const { data, metadata } = await eventOf('serviceBusTrigger', '{"a":1}', { sdkBinding: true })
    const { source, contentType, content = Buffer.alloc(0) } = data.modelBindingData ?? {}
    expect({ source, contentType }).toEqual({
      source: 'AzureServiceBusReceivedMessage',
      contentType: 'application/octet-stream',
    })
    const bytes = Buffer.from(content)
    const token = bytes.subarray(0, 16)
    const guid = [
      token.subarray(0, 4).reverse(),
      token.subarray(4, 6).reverse(),
      token.subarray(6, 8).reverse(),
    ]
      .map((part) => part.toString('hex'))
      .concat(bytes.subarray(8, 10).toString('hex'), bytes.subarray(10, 16).toString('hex'))
    expect(guid.join('-')).toBe(metadata['LockToken']?.string)
    expect(bytes.subarray(16, 32).toString()).toBe('x-opt-lock-token')
    expect(bytes.subarray(32, 35)).toEqual(Buffer.from([0x00, 0x53, 0x70]))
    expect(bytes.includes(metadata['MessageId']?.string ?? '-')).toBe(true)
    // The data section: 32 bits of length, then the body.
    expect(bytes.subarray(-15)).toEqual(
      Buffer.concat([Buffer.from([0, 0x53, 0x75, 0xb0, 0, 0, 0, 7]), Buffer.from('{"a":1}')]),
    )
    const many = await eventOf('serviceBusTrigger', '["x","y"]', { sdkBinding: true, cardinality: 'many' })
    expect(many.data.collectionModelBindingData?.modelBindingData).toHaveLength(2)
  })

  test('a Kafka record and a SignalR invocation are JSON around the data, or the data is the whole', async () => {
    const record = await eventOf('kafkaTrigger', 'text', { topic: 't' })
    expect(json(record.data)).toMatchObject({ Topic: 't', Partition: 0, Value: 'text' })
    expect(json((await eventOf('kafkaTrigger', '{"Value":"v"}')).data)).toEqual({ Value: 'v' })
    const hub = { hubName: 'h', category: 'messages', event: 'm' }
    expect(json((await eventOf('signalRTrigger', '"x"', hub)).data)).toMatchObject({
      ...{ Hub: 'h', Category: 'messages', Event: 'm', Arguments: ['x'] },
    })
    expect(json((await eventOf('signalRTrigger', '{"Arguments":[]}', hub)).data)).toEqual({ Arguments: [] })
  })

  test('MCP: the data is the arguments, or the whole context', async () => {
    const tool = { toolName: 'weather' }
    expect(json((await eventOf('mcpToolTrigger', '{"city":"Oslo"}', tool)).data)).toMatchObject({
      name: 'weather',
      arguments: { city: 'Oslo' },
    })
    const whole = '{"name":"other","arguments":{"a":1},"sessionid":"s"}'
    expect(json((await eventOf('mcpToolTrigger', whole, tool)).data)).toMatchObject(
      JSON.parse(whole) as Record<string, unknown>,
    )
    const prompt = await eventOf('mcpPromptTrigger', '{"topic":"x"}', { promptName: 'p' })
    expect(json(prompt.data)).toMatchObject({ name: 'p', arguments: { topic: 'x' } })
    const resource = await eventOf('mcpResourceTrigger', '{"uri":"file://a"}', {
      uri: 'file://a',
      resourceName: 'r',
    })
    expect(json(resource.data)).toEqual({ uri: 'file://a' })
  })

  test('an orchestration has just begun; an entity has one operation; the whole can be given', async () => {
    const begun = json((await eventOf('orchestrationTrigger', '{"a":1}')).data)
    expect(begun).toMatchObject({ input: { a: 1 }, isReplaying: false })
    const { history } = begun as { history: { EventType: number; Name?: string; Input?: string }[] }
    expect(history.map(({ EventType }) => EventType)).toEqual([12, 0])
    expect(history[1]).toMatchObject({ Name: 'fn', Input: '{"a":1}' })
    expect(json((await eventOf('orchestrationTrigger', '{"history":[]}')).data)).toEqual({ history: [] })
    const add = json((await eventOf('entityTrigger', '{"name":"add","input":2,"state":5,"key":"k"}')).data)
    expect(add).toMatchObject({
      self: { name: 'fn', key: 'k' },
      exists: true,
      state: '5',
      batch: [{ name: 'add', input: '2', signal: false }],
    })
    expect(json((await eventOf('entityTrigger', '{"name":"get"}')).data)).toMatchObject({
      exists: false,
      state: null,
      batch: [{ name: 'get', input: null }],
    })
    expect(json((await eventOf('entityTrigger', '{"batch":[]}')).data)).toEqual({ batch: [] })
  })

  test.each([
    ['cosmosDBTrigger', '{bad', /must be a document or an array of documents, as JSON/],
    ['sqlTrigger', '[1]', /each of its rows must be an object/],
    ['eventGridTrigger', '[{},{}]', /must be one event/],
    ['eventGridTrigger', '1', /must be an event, a JSON object/],
    ['signalRTrigger', 'x', /must be the arguments of the method/],
    ['entityTrigger', '[]', /must be an operation, a JSON object/],
  ])('%s with %s is refused', async (type, data, reason) => {
    await expect(eventOf(type, data)).rejects.toThrow(reason)
  })

  test.each<[string, Record<string, unknown>, string]>([
    ['serviceBusTrigger', {}, '{"id":"1","name":"sample"}'],
    ['eventHubTrigger', { cardinality: 'many' }, '[{"id":"1","name":"sample"},{"id":"2","name":"sample"}]'],
    ['entityTrigger', {}, '{"name":"get"}'],
    [
      'mcpToolTrigger',
      {
        toolName: 't',
        toolProperties:
          '[{"propertyName":"a","propertyType":"integer","isArray":true},{"propertyName":"b","propertyType":"boolean"},{"propertyName":"c","propertyType":"object"}]',
      },
      '{"a":[1],"b":true,"c":{}}',
    ],
    ['mcpToolTrigger', { toolName: 't' }, '{}'],
    [
      'mcpToolTrigger',
      {
        toolName: 't',
        toolProperties: '[{"propertyName":"a","propertyType":"string","enumValues":["x","y"]}]',
      },
      '{"a":"x"}',
    ],
    ['mcpPromptTrigger', { promptName: 'p', promptArguments: '[{"name":"topic"}]' }, '{"topic":"sample"}'],
    ['mcpResourceTrigger', { uri: 'file://a', resourceName: 'r' }, '{"uri":"file://a"}'],
    ['anyTrigger', {}, '{"id":"1","name":"sample"}'],
  ])('the sample of %s %j is %s', async (type, properties, sample) => {
    expect(sampleOf(type, properties)).toBe(sample)
    await expect(eventOf(type, sample, properties)).resolves.toBeDefined()
  })
})

describe('what is said of functions on call', () => {
  test('one line a service; where a server is named and its client is installed, that too', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'func-local-'))
    const functions = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) =>
      bind('serviceBusTrigger', { connection: 'BUS' }, name),
    )
    const all = [...functions, bind('cosmosDBTrigger', { connection: 'NONE' }, 'documents')]
    const documents =
      "'documents' is on call only: 'NONE' is not set, so func-local does not listen to Cosmos DB. Call by hand: func-local invoke documents"
    expect(describeOnCall(all, registry, settings, directory)).toEqual([
      "'a', 'b', 'c', 'd', 'e' and 1 more are on call only: func-local does not listen to Service Bus. Call by hand: func-local invoke a",
      documents,
    ])
    const installed = path.join(directory, 'node_modules/@azure/service-bus')
    await mkdir(installed, { recursive: true })
    await writeFile(path.join(installed, 'package.json'), '{}')
    expect(describeOnCall(all, registry, settings, directory)).toEqual([
      "'a', 'b', 'c', 'd', 'e' and 1 more are on call only, although 'BUS' names a server and @azure/service-bus is installed: func-local does not listen to Service Bus. Call by hand: func-local invoke a",
      documents,
    ])
    const item = { type: 'cosmosDB', name: 'b', connection: 'DB' }
    const [one] = functions
    if (one === undefined) throw new Error('There is none.')
    const bound = {
      ...one,
      definition: {
        ...one.definition,
        inputs: [{ ...item, direction: 'in' as const }],
        outputs: [
          { ...item, direction: 'out' as const },
          { type: 'sql', name: 'c', direction: 'out' as const },
        ],
      },
    }
    expect(describeOnCall([bound], registry, settings, directory).slice(1)).toEqual([
      "Inputs of type cosmosDB ('a', because 'DB' is not set) are undefined here, because func-local does not read these services. Give one a value: func-local invoke a --input cosmosDB=@file.json",
      "Outputs of type cosmosDB ('a', because 'DB' is not set), type sql ('a') are captured: the log shows them, and nothing is written to these services.",
    ])
    const there = settingsOf(new Map([['DB', 'AccountEndpoint=https://a/;AccountKey=a2V5']]))
    expect(describeOnCall([bound], registry, there, directory).slice(1)).toEqual([
      "Outputs of type sql ('a') are captured: the log shows them, and nothing is written to these services.",
    ])
    const identity = settingsOf(new Map([['BUS__fullyQualifiedNamespace', 'x.servicebus.windows.net']]))
    expect(describeOnCall(functions, registry, identity, directory)[0]).toContain(
      "although 'BUS' names a server",
    )
    const unset = settingsOf(new Map([['BUS', '']]))
    expect(describeOnCall(functions, registry, unset, directory)[0]).not.toContain('although')
    await rm(directory, { recursive: true })
  })

  test('nothing is said of functions that fire, or are disabled', () => {
    const fires = bind('eventGridTrigger')
    const off = { ...bind('serviceBusTrigger'), disabled: true }
    expect(describeOnCall([fires, off], registry, settings, tmpdir())).toEqual([])
  })
})

describe('a captured output in one line', () => {
  test.each<[TypedData, string]>([
    [{ string: '' }, '0 bytes'],
    [{ string: 'a' }, '1 byte: a'],
    [{ string: 'a\r\nb' }, '4 bytes: a\\r\\nb'],
    [{ json: '{"a":1}' }, '7 bytes: {"a":1}'],
    [{ int: 7 }, '1 byte: 7'],
    [{ double: 0.5 }, '3 bytes: 0.5'],
    [{ bytes: Buffer.from([0xff, 1]) }, '2 bytes, hexadecimal: ff01'],
    [{ bytes: Buffer.alloc(33, 0xff) }, `33 bytes, hexadecimal: ${'ff'.repeat(32)} …`],
    [{ string: 'é'.repeat(201) }, `402 bytes: ${'é'.repeat(200)} …`],
  ])('%j', (value, text) => {
    expect(describeValue(value, (shown) => shown)).toBe(text)
  })

  test('a secret at the place where the text is cut is not shown in part', () => {
    const value = { string: `${'x'.repeat(190)}secret-secret` }
    const redact = (text: string): string => text.replaceAll('secret-secret', '***')
    expect(describeValue(value, redact)).toBe(`203 bytes: ${'x'.repeat(190)}***`)
  })
})
