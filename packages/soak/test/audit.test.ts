import { describe, expect, it } from '@jest/globals'
import { audit } from '../src/audit.ts'
import { acceptedText } from '../src/content.ts'
import type { Evidence } from '../src/evidence.ts'
import { lineId } from '../src/auditFiles.ts'
import type { FileUpload, OrderCall, Push } from '../src/ledger.ts'
import { isClean } from '../src/report.ts'
import type { StoredOrder } from '../src/storedOrders.ts'
import { VIOLATIONS, type Violation } from '../src/violations.ts'

// The audit by itself: a small run as evidence, without a violation, and the same run with one.

const content = { item: 'widget', quantity: 2 }
const AT = '2026-01-02T12:00:00.000Z'

const json = (id: string, rest: object) => JSON.stringify({ id, ...content, ...rest })
const processedJson = (id: string) =>
  json(id, { status: 'processed', message: 'Order for widget processed!', processedAt: AT })
const unavailable = (id: string) => ({
  status: 503,
  body: JSON.stringify({ type: 'urn:orders:problem:storage-unavailable', id }),
  retryAfter: '1',
})

function processed(id: string): StoredOrder {
  return { id, content, status: 'processed', acceptedAt: undefined, etag: '1', json: processedJson(id) }
}

function accepted(id: string): StoredOrder {
  const text = json(id, { status: 'accepted', acceptedAt: AT })
  return { id, content, status: 'accepted', acceptedAt: AT, etag: '1', json: text }
}

function call(id: string, change: Partial<OrderCall> = {}): OrderCall {
  const response = { status: 200, body: processedJson(id), retryAfter: undefined }
  return { begun: 0, ended: 10, way: 'sync', id, content, response, ...change }
}

function push(id: string, change: Partial<Push> = {}): Push {
  const text = acceptedText(id, content)
  return { text, order: { id, content }, acknowledged: true, messageId: `message-${id}`, ...change }
}

/** A file of three lines: one that is processed, one that must be refused, and one that conflicts. */
function upload(change: Partial<FileUpload> = {}): FileUpload {
  const other = { item: 'another', quantity: 2 }
  const lines = [
    { text: '{"item":"widget","quantity":2}', order: { id: undefined, content } },
    { text: 'bad', order: undefined },
    { text: 'other', order: { id: 'sync', content: other } },
  ]
  return {
    ...{ name: 'a.jsonl', etag: '"1"', lines },
    report: { etag: '"1"', complete: true, lines: 3, processed: 1, alreadyProcessed: 0, refused: 2 },
    rejected: [
      { line: 2, text: 'bad' },
      { line: 3, text: 'other' },
    ],
    ...change,
  }
}
const LINE = lineId('a.jsonl', { text: '', order: undefined }, 1)

/** A run in which everything was right. */
interface Run {
  readonly orders: OrderCall[]
  readonly pushes: Push[]
  readonly records: Map<string, StoredOrder>
  readonly poison: string[]
  readonly files: FileUpload[]
  readonly changed: Set<string>
  readonly deliveries: Map<string, number>
  readonly processedWrites: Map<string, number>
  waiting: number
  /** The events about orders, where the app sends some. */
  events: Record<string, unknown>[] | undefined
}

const BAD = Buffer.from('no order').toString('base64')

function cleanRun(): Run {
  return {
    orders: [
      call('sync'),
      call('failed', { response: unavailable('failed'), begun: 100, ended: 110 }),
      call('conflict', {
        content: { item: 'another', quantity: 2 },
        response: { status: 409, body: '{}', retryAfter: undefined },
      }),
      call('conflict'),
    ],
    pushes: [push('pushed'), push('exhausted'), push('', { text: BAD, order: undefined })],
    records: new Map(
      [
        ...[processed('sync'), processed('failed'), processed('conflict'), processed('pushed')],
        processed(LINE),
      ].map((record) => [record.id, record]),
    ),
    poison: [BAD, acceptedText('exhausted', content)],
    files: [upload()],
    changed: new Set(),
    deliveries: new Map([[acceptedText('exhausted', content), 10]]),
    processedWrites: new Map(),
    waiting: 0,
    events: undefined,
  }
}

function evidence(run: Run): Evidence {
  const { orders, pushes, records, poison, waiting, changed } = run
  return {
    ledger: { orders, reads: [], refused: [], pushes, files: run.files },
    final: {
      records,
      poison,
      waiting,
      ...(run.events !== undefined && { events: run.events.map((one) => JSON.stringify(one)) }),
      responses: new Map(
        [...records].map(([id, record]) => [id, { status: 200, body: record.json, retryAfter: undefined }]),
      ),
    },
    journal: {
      processedWrites: (id) => run.processedWrites.get(id) ?? 1,
      writtenAfterProcessed: new Set(),
      deliveries: (text) => run.deliveries.get(text) ?? 1,
      faultBetween: (id) => id === 'failed',
    },
    changed,
    maxDequeueCount: 10,
    killedBetween: () => false,
    outageBetween: () => false,
  }
}

/** The event that a record stands for. */
function event(record: string): Record<string, unknown> {
  const data = JSON.parse(record) as { readonly id: string; readonly status: string }
  return { id: `${data.id}:${data.status}`, type: `orders.${data.status}`, subject: data.id, data }
}

/** Gives the run every event that its records stand for, the one of an order that was accepted first included. */
function eventsOf(run: Run): Record<string, unknown>[] {
  run.records.set('pushed', { ...processed('pushed'), acceptedAt: AT })
  run.events = [accepted('pushed'), ...run.records.values()].map((record) => event(record.json))
  return run.events
}

function violationsOf(run: Run): readonly Violation[] {
  const { violations } = audit(evidence(run))
  return VIOLATIONS.filter((violation) => violations.get(violation)?.length !== 0)
}

it('reports nothing about a run with every event, and counts those that were sent again', () => {
  const run = cleanRun()
  eventsOf(run).push(event(processedJson('sync')))
  const result = audit(evidence(run))
  expect(isClean(result)).toBe(true)
  expect(result).toMatchObject({ events: 5, eventDuplicates: 1 })
})

it('reports nothing about a run in which everything was right', () => {
  const result = audit(evidence(cleanRun()))
  expect(isClean(result)).toBe(true)
  expect(result).toMatchObject({ acknowledged: 4, processed: 5, conflicts: 1, unavailable: 1 })
  expect(result).toMatchObject({ exhausted: 1, poisonExpected: 1, poisonPreserved: 1 })
})

/** What goes wrong in the run, and what else has to be reported then. */
type Case = readonly [wrong: string, change: (run: Run) => void, also?: readonly Violation[]]

const CASES: Readonly<Record<Violation, readonly [Case, ...Case[]]>> = {
  lost: [
    ['no record of an order that a client was told is processed', ({ records }) => records.delete('sync')],
    ['no record of a line of a file', ({ records }) => records.delete(LINE)],
    ['no record of a message that the queue took', ({ records }) => records.delete('pushed')],
    ['an accepted order without its message', ({ records }) => records.set('pushed', accepted('pushed'))],
    [
      'a record that cannot be read back',
      ({ records }) => records.set('pushed', { ...processed('pushed'), status: 'unreadable' }),
    ],
  ],
  'wrong reports': [
    ['no report of a file', ({ files }) => files.splice(0, 1, upload({ report: undefined }))],
    [
      'a line that is not in it',
      ({ files }) => files.splice(0, 1, upload({ rejected: [{ line: 2, text: 'bad' }] })),
    ],
    [
      'another text of a refused line',
      ({ files }) => {
        files.splice(
          0,
          1,
          upload({
            rejected: [
              { line: 2, text: 'worse' },
              { line: 3, text: 'other' },
            ],
          }),
        )
      },
    ],
    [
      'a report that is not the whole',
      ({ files }) => {
        const report = { complete: true, lines: 0, processed: 0, alreadyProcessed: 0, refused: 0 }
        files.splice(0, 1, upload({ report }))
      },
    ],
  ],
  'processed twice': [
    ['two writes of one processed record', ({ processedWrites }) => processedWrites.set('sync', 2)],
    [
      'two records of an order that was sent once, without an id',
      ({ orders, records }) => {
        const once = { item: 'sent without an id', quantity: 1 }
        orders.push(call('', { id: undefined, content: once, response: undefined, begun: 100, ended: 110 }))
        for (const id of ['first', 'second']) records.set(id, { ...processed(id), content: once })
      },
      // The call has no response, and nothing was killed.
      ['unexplained failures'],
    ],
  ],
  'changed after processed': [['a processed record that has changed', ({ changed }) => changed.add('sync')]],
  'processed, never sent': [
    ['a record that nobody sent', ({ records }) => records.set('unknown', processed('unknown'))],
    [
      'a record with another content',
      ({ records }) =>
        records.set('failed', { ...processed('failed'), content: { item: 'widget', quantity: 3 } }),
    ],
  ],
  'wrong responses': [
    [
      'a 200 that is not the record',
      ({ orders }) =>
        orders.push(
          call('sync', {
            response: { status: 200, body: json('sync', { status: 'processed' }), retryAfter: undefined },
          }),
        ),
    ],
    [
      'a 409 for the same content',
      ({ orders }) =>
        orders.push(call('sync', { response: { status: 409, body: '{}', retryAfter: undefined } })),
    ],
    [
      'a 503 without Retry-After',
      ({ orders }) =>
        orders.push(call('failed', { response: { ...unavailable('failed'), retryAfter: undefined } })),
    ],
  ],
  'unexplained failures': [
    [
      'a 503 while storage had no fault',
      ({ orders }) => orders.push(call('sync', { response: unavailable('sync') })),
    ],
    [
      'a 500 while nothing was killed',
      ({ orders }) =>
        orders.push(call('sync', { response: { status: 500, body: '', retryAfter: undefined } })),
    ],
    [
      'a failed connection while nothing was killed',
      ({ orders }) => orders.push(call('sync', { response: undefined, error: 'ECONNRESET' })),
    ],
  ],
  'slow responses': [
    ['a response after more than 10 s', ({ orders }) => orders.push(call('sync', { ended: 10_001 }))],
  ],
  'poison missing': [
    ['a bad message that is nowhere', ({ poison }) => poison.splice(0, 1)],
    ['one of two equal bad messages', ({ pushes }) => pushes.push(push('', { text: BAD, order: undefined }))],
    [
      'a conflicting message that is nowhere',
      ({ pushes }) => {
        const other = { item: 'another', quantity: 2 }
        pushes.push(
          push('sync', { text: acceptedText('sync', other), order: { id: 'sync', content: other } }),
        )
      },
    ],
  ],
  'unexpected poison': [
    ['a text that nobody sent', ({ poison }) => poison.push(Buffer.from('{}').toString('base64'))],
  ],
  'poisoned too early': [
    [
      'a valid message that had deliveries left',
      ({ deliveries }) => deliveries.set(acceptedText('exhausted', content), 9),
    ],
  ],
  'events missing': [
    ['a processed order without an event', (run) => eventsOf(run).pop()],
    ['no events at all', (run) => eventsOf(run).splice(0)],
  ],
  'untrue events': [
    ['of an order that there is not', (run) => eventsOf(run).push(event(processedJson('none')))],
    [
      'with another time than the record',
      (run) => eventsOf(run).push(event(processedJson('sync').replace(AT, '2026-01-02T12:00:01.000Z'))),
    ],
    [
      'of another type',
      (run) => eventsOf(run).push({ ...event(processedJson('sync')), type: 'orders.accepted' }),
    ],
    ['with another id', (run) => eventsOf(run).push({ ...event(processedJson('sync')), id: 'sync' })],
    [
      'that an order was accepted, which never was',
      (run) => eventsOf(run).push(event(accepted('sync').json)),
    ],
    ['without data', (run) => eventsOf(run).push({ ...event(processedJson('sync')), data: null })],
  ],
  'left on the queue': [['a message that is still waiting', (run) => (run.waiting = 1)]],
}

describe.each(VIOLATIONS)('reports "%s"', (violation) => {
  it.each(CASES[violation])('%s', (_, change, also = []) => {
    const run = cleanRun()
    change(run)
    expect(violationsOf(run)).toStrictEqual(
      VIOLATIONS.filter((one) => one === violation || also.includes(one)),
    )
  })
})
