import type { ModelBindingData } from '../../protocol.ts'
import { jsonIn } from '../../json-text.ts'

/** What a received message says of itself, besides its body. */
export interface MessageFacts {
  readonly messageId: string
  /** A GUID. */
  readonly lockToken: string
  readonly enqueued: Date
  readonly sequence: number
}

/** Stands between the lock token and the message. */
const LOCK_TOKEN_MARK = Buffer.from('x-opt-lock-token')

/**
 * A message for `sdkBinding`, as `@azure/functions-extensions-servicebus` reads it: the lock token, a mark, and the message in
 * AMQP: https://github.com/Azure/azure-functions-nodejs-extensions/blob/main/azure-functions-nodejs-extensions-servicebus/src/util/serviceBusMessageDecoder.ts
 */
export function receivedMessage(body: Buffer, facts: MessageFacts): ModelBindingData {
  const content = Buffer.concat([guidBytes(facts.lockToken), LOCK_TOKEN_MARK, amqpMessage(body, facts)])
  return {
    version: '1.0',
    source: 'AzureServiceBusReceivedMessage',
    contentType: 'application/octet-stream',
    content,
  }
}

/** .NET's bytes of a GUID: the first three groups are little endian. */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex')
  return Buffer.concat([
    bytes.subarray(0, 4).reverse(),
    bytes.subarray(4, 6).reverse(),
    bytes.subarray(6, 8).reverse(),
    bytes.subarray(8),
  ])
}

// The constructors and sections of https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-types-v1.0-os.html §1.6 and
// https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html §3.2
const NULL = Buffer.from([0x40])
const SECTION = { header: 0x70, messageAnnotations: 0x72, properties: 0x73, data: 0x75 }

function amqpMessage(body: Buffer, { messageId, enqueued, sequence }: MessageFacts): Buffer {
  const contentType = jsonIn(body) !== undefined ? symbol('application/json') : NULL
  return Buffer.concat([
    // durable, priority, ttl, first-acquirer, delivery-count
    section(SECTION.header, list([NULL, NULL, NULL, NULL, uint(0)])),
    section(
      SECTION.messageAnnotations,
      map([
        [symbol('x-opt-enqueued-time'), timestamp(enqueued)],
        [symbol('x-opt-sequence-number'), long(sequence)],
      ]),
    ),
    // message-id, user-id, to, subject, reply-to, correlation-id, content-type
    section(SECTION.properties, list([text(messageId), NULL, NULL, NULL, NULL, NULL, contentType])),
    section(SECTION.data, Buffer.concat([sized(0xb0, body.length), body])),
  ])
}

function section(code: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x00, 0x53, code]), content])
}

/** A constructor with a size of 32 bits. */
function sized(constructor: number, ...sizes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(1 + 4 * sizes.length)
  bytes.writeUInt8(constructor)
  for (const [index, size] of sizes.entries()) bytes.writeUInt32BE(size, 1 + 4 * index)
  return bytes
}

function list(items: readonly Buffer[]): Buffer {
  return compound(0xd0, items)
}

function map(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return compound(0xd1, entries.flat())
}

function compound(constructor: number, items: readonly Buffer[]): Buffer {
  const content = Buffer.concat(items)
  // The size counts the number of items, too.
  return Buffer.concat([sized(constructor, content.length + 4, items.length), content])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([sized(0xb1, bytes.length), bytes])
}

function symbol(value: string): Buffer {
  const bytes = Buffer.from(value, 'ascii')
  return Buffer.concat([sized(0xb3, bytes.length), bytes])
}

function uint(value: number): Buffer {
  return sized(0x70, value)
}

function long(value: number): Buffer {
  return bits64(0x81, value)
}

function timestamp(date: Date): Buffer {
  return bits64(0x83, date.getTime())
}

function bits64(constructor: number, value: number): Buffer {
  const bytes = Buffer.alloc(9)
  bytes.writeUInt8(constructor)
  bytes.writeBigInt64BE(BigInt(value), 1)
  return bytes
}
