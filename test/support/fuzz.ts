import fc from 'fast-check'
import { codePoint, FUZZ_CASES } from './cases.ts'

/** The cases of each test. */
export const CASES = {
  /** Over real HTTP, to a running host. */
  http: Math.ceil(FUZZ_CASES * 0.1),
  /** Over a real queue, to a running host. */
  queue: Math.ceil(FUZZ_CASES * 0.02),
  /** Directly to the handlers. */
  handlers: Math.ceil(FUZZ_CASES * 0.88),
}

/** Timeout of a fuzz test in milliseconds, for hangs only. */
export const FUZZ_TIMEOUT_MS = 240_000 + FUZZ_CASES * 20

/** A marker in attacks. A log line that contains it must be one that the app wrote. */
export const MARKER = 'F0RGED'

/** Lines in the format of the host and the app, for texts that imitate them. */
const forgedLines = [
  `[2026-01-02T03:04:05.678Z] Executed 'Functions.order' (Succeeded, Id=${MARKER}, Duration=1ms)`,
  `{"event":"order","outcome":"processed","orderId":"${MARKER}"}`,
  `\u001b[2K\u001b[1A${MARKER}`,
]

/** Texts that have caused errors in other services. */
const trickTexts = fc.oneof(
  fc.constantFrom(
    '..',
    '../..',
    '.',
    '%2e%2e',
    '..%2f..%2fadmin%2fhost%2fstatus',
    "' or '1' eq '1",
    "x' or PartitionKey ne '",
    "''",
    '"; DROP TABLE orders; --',
    '${jndi:ldap://127.0.0.1/a}',
    '{{7*7}}',
    '<script>alert(1)</script>',
    '__proto__',
    'constructor',
    'hasOwnProperty',
    'toString',
    'then',
    '\u0000',
    '\ud800',
    '\udfff\ud800',
    '\u202egnp.exe',
    '\u2028',
    '\u0085',
    '\ufeff',
    '%',
    '%zz',
    '%00',
    '%c0%ae',
    'a'.repeat(65),
    '-',
    '_',
    'NaN',
    '1e400',
  ),
  fc
    .tuple(
      fc.constantFrom('\n', '\r\n', '\r', '\u2028', '\u0085', '\v', ' '),
      fc.constantFrom(...forgedLines),
      fc.constantFrom('', '\n'),
    )
    .map((parts) => parts.join('')),
)

/** Any text, often a hostile one. */
export const hostileText = fc.oneof(
  trickTexts,
  fc.string({ unit: codePoint, maxLength: 220 }),
  fc.string({ unit: 'grapheme', maxLength: 220 }),
  fc.tuple(fc.string({ maxLength: 10 }), trickTexts).map((parts) => parts.join('')),
)

/** A value in one case of ten. */
export function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
}

/** A small set of ids, so that cases use each other's records. */
const validId = fc.constantFrom('a', 'b', 'c-1', 'D_2', 'z'.repeat(64))

export const anyId = fc.oneof(validId, hostileText)

const validItem = fc.constantFrom('widget', 'gadget', 'ü😀', ' widget ')

/** Numbers as JSON texts: most of them are not representable in JavaScript. */
const numberText = fc.oneof(
  fc.constantFrom(
    '1',
    '2',
    '1000',
    '0',
    '-0',
    '1001',
    '1.0',
    '1e0',
    '10E-1',
    '1.5',
    '1e400',
    '-1e400',
    '1e-400',
  ),
  fc.constantFrom('9007199254740993', '0x10', '01', '+1', '1.', '.5', 'NaN', 'Infinity', '1_0', '1n'),
  fc.integer().map(String),
  fc.double().map(String),
  fc.integer({ min: 1, max: 8000 }).map((length) => '9'.repeat(length)),
)

const deepText = fc
  .tuple(fc.constantFrom('[', '{"a":', '[{"a":'), fc.integer({ min: 1, max: 16_000 }), fc.boolean())
  .map(([open, depth, closed]) => {
    const times = Math.min(depth, Math.floor(30_000 / (open.length * 2)))
    const close = open === '[' ? ']' : open === '[{"a":' ? '}]' : '}'
    return open.repeat(times) + (closed ? `1${close.repeat(times)}` : '')
  })

const stringText = hostileText.map((text) => JSON.stringify(text))

const valueText: fc.Arbitrary<string> = fc.oneof(
  numberText,
  stringText,
  fc.json({ maxDepth: 3 }),
  fc.constantFrom('null', 'true', '[]', '{}', '""', '"\\ud800"', '"\\u0000"', '"\\x"', "'a'", ''),
)

const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('id', 'item', 'quantity') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'Item', 'status', ''),
  },
  { weight: 1, arbitrary: hostileText },
)

/** Objects that are almost orders: missing, duplicate and strange keys; values of any kind. */
const nearlyOrderText = fc
  .array(fc.tuple(key, valueText), { maxLength: 6 })
  .map((fields) => `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`)

/** Valid orders. */
const orderText = fc
  .record(
    { id: validId, item: validItem, quantity: fc.integer({ min: 1, max: 2 }) },
    { requiredKeys: ['item'] },
  )
  .map((order) => JSON.stringify(order))

/** Bodies and messages: JSON that is an order, almost one or none; text; bytes. */
export const hostileBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: orderText.map(utf8) },
  { weight: 4, arbitrary: nearlyOrderText.map(utf8) },
  { weight: 2, arbitrary: fc.oneof(hostileText, valueText).map(utf8) },
  { weight: 1, arbitrary: deepText.map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }) },
  // Truncated, with a byte order mark, in another encoding, with an invalid byte.
  {
    weight: 1,
    arbitrary: fc.tuple(orderText, fc.nat({ max: 40 })).map(([text, end]) => utf8(text.slice(0, end))),
  },
  { weight: 1, arbitrary: orderText.map((text) => utf8(`\ufeff${text}`)) },
  { weight: 1, arbitrary: orderText.map((text) => new Uint8Array(Buffer.from(text, 'utf16le'))) },
  {
    weight: 1,
    arbitrary: fc.tuple(orderText, fc.nat({ max: 40 })).map(([text, at]) => {
      const bytes = utf8(text)
      bytes[at % bytes.length] = 0xff
      return bytes
    }),
  },
)

/** Bodies around the limit of 32 KiB, and beyond. */
export const largeBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.constantFrom(' ', 'x', '[', '"', '\\'),
    fc.integer({ min: -60, max: 60 }),
    fc.constantFrom(1, 1, 4),
  )
  .map(([filling, around, times]) => utf8(`{"item":"${filling.repeat(32 * 1024 * times + around)}"}`))

/** A header's value as it can reach a handler: RFC 9110 §5.5, with no control characters but tabs. */
const headerText = fc.oneof(
  fc.constantFrom(
    '',
    '"',
    '""',
    '"a"',
    '"a',
    'a"b',
    '\t',
    "' or 1 eq 1",
    '__proto__',
    'a, a',
    'a'.repeat(4000),
  ),
  fc.string({ maxLength: 80 }),
  hostileText.map((text) => text.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '?')),
)

const preferText = fc.oneof(
  fc.constantFrom(
    'respond-async',
    'Respond-Async; wait=10',
    'wait=10, respond-async',
    'respond-async=""',
    'return=minimal',
  ),
  fc.constantFrom(
    'respond-async=1',
    '"respond-async',
    ',,;=',
    '=;=,='.repeat(500),
    '"\\'.repeat(2000),
    '"'.repeat(3999),
  ),
  headerText,
)

/** Headers that the app reads, and headers that have caused errors in other services. */
export const hostileHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc
  .record(
    {
      'idempotency-key': fc.oneof(
        { weight: 3, arbitrary: validId },
        { weight: 1, arbitrary: validId.map((id) => `"${id}"`) },
        { weight: 1, arbitrary: headerText },
      ),
      prefer: preferText,
      'content-type': fc.oneof(
        fc.constantFrom(
          'application/json',
          'text/plain',
          'multipart/form-data',
          'application/x-www-form-urlencoded',
        ),
        headerText,
      ),
      'content-encoding': fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom('identity', 'Identity', 'identity, identity', '') },
        { weight: 1, arbitrary: fc.constantFrom('gzip', 'br', 'x', 'identity, gzip') },
      ),
      'x-forwarded-host': headerText,
      'x-forwarded-proto': fc.constantFrom('javascript', 'https', '', '://'),
      'x-ms-client-principal': headerText,
      traceparent: headerText,
      'x-http-method-override': fc.constantFrom('DELETE', 'PUT'),
      origin: headerText,
      range: headerText,
      cookie: headerText,
    },
    { requiredKeys: [] },
  )
  // fetch, and with it the library, trims them.
  .map((headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.trim()])))

/** Wrong values of Content-Length. Only a handler sees these; a server refuses most. */
export const hostileLength = fc.constantFrom(
  '0',
  '-1',
  '1e9',
  '32769',
  'NaN',
  '0x10',
  '99999999999999999999',
  '',
  'a',
)

function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

/** Response times in a test. */
export interface Timings {
  add(milliseconds: number): void
  /** `p50 1 ms, p99 3 ms, longest 12 ms` */
  summary(): string
}

/** Collects response times for the report. No test depends on them. */
export function timings(): Timings {
  const all: number[] = []
  return {
    add: (milliseconds) => all.push(milliseconds),
    summary() {
      const sorted = all.sort((a, b) => a - b)
      const at = (share: number) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1)
      return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`
    },
  }
}

/** Prints a line of the report. */
export function report(line: string): void {
  process.stdout.write(`fuzz: ${line}\n`)
}
