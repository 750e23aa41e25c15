import type { SoakOptions } from '../soak.ts'
import type { Violation } from '../violations.ts'

/** A change of a source file of the app: a text that the file holds once, and what takes its place. */
export interface Edit {
  readonly file: string
  readonly text: string
  readonly by: string
}

/** A bug that the fault harness must find. */
export interface PlantedBug {
  /** What the app does wrong. */
  readonly name: string
  /** The kind of violation that must be reported. Others may come with it. */
  readonly violation: Violation
  readonly edits: readonly Edit[]
  /** What brings the bug to light. */
  readonly options: Partial<SoakOptions>
}

const SERVICE = 'src/orders/service.ts'

/** In `settle`: the order is processed already. */
const ALREADY_PROCESSED = `case 'processed':
        return { order: record, already: true }
      case 'accepted':
        return replaceAccepted`

/** Where a message goes that cannot be processed. */
const SENDS_POISON = 'poison: (message) => sendBytes(client(POISON_QUEUE), message, milliseconds)'

/** At least one for each kind of violation. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'a message is deleted before its order is written',
    violation: 'lost',
    edits: [
      {
        file: SERVICE,
        text: "return { outcome: 'processed', order: (await settle({ ...draft, id: orderId })).order }",
        by: `const order: Order = { ...draft, id: orderId }
      settle(order).catch(() => undefined)
      return { outcome: 'processed', order: processed(order, timestamp()) }`,
      },
    ],
    options: { faults: 0.5 },
  },
  {
    name: 'an order is accepted before its message is sent',
    violation: 'lost',
    edits: [
      {
        file: SERVICE,
        text: `await enqueue(order)
    const accepted`,
        by: `enqueue(order).catch(() => undefined)
    const accepted`,
      },
    ],
    options: { outages: 2 },
  },
  {
    name: 'a record is written because a read found none',
    violation: 'processed twice',
    edits: [
      {
        file: 'src/storage/tables.ts',
        text: 'create: (record) => write((abortSignal) => table.createEntity(toEntity(record), { abortSignal })),',
        by: `create: async (record) => {
      const found = table.getEntity(partitionKey(record.id), record.id)
      if (await found.then(() => true, () => false)) return { written: false, cause: undefined }
      return write((abortSignal) => table.upsertEntity(toEntity(record), 'Replace', { abortSignal }))
    },`,
      },
    ],
    options: { duplicates: 0.9 },
  },
  {
    name: 'an order that is sent again is processed again',
    violation: 'changed after processed',
    edits: [
      {
        file: SERVICE,
        text: ALREADY_PROCESSED,
        by: `case 'processed':
        await records.replace({ ...record, processedAt: timestamp() }, etag)
        return { order: record, already: true }
      case 'accepted':
        return replaceAccepted`,
      },
    ],
    options: { duplicates: 0.9 },
  },
  {
    name: 'unknown fields are dropped instead of refused',
    violation: 'processed, never sent',
    edits: [
      {
        file: 'src/orders/order.ts',
        text: 'v.strictObject({ id: v.exactOptional(orderIdSchema), ...contentFields }',
        by: 'v.object({ id: v.exactOptional(orderIdSchema), ...contentFields }',
      },
    ],
    options: { poison: 0.5 },
  },
  {
    name: 'a response shows the order as it would be, and not the record',
    violation: 'wrong responses',
    edits: [
      {
        file: SERVICE,
        text: ALREADY_PROCESSED,
        by: ALREADY_PROCESSED.replace('order: record', 'order: fresh'),
      },
    ],
    options: { duplicates: 0.9 },
  },
  {
    name: 'of two requests at a time for one order, one is told that storage is unavailable',
    violation: 'unexplained failures',
    edits: [
      {
        file: SERVICE,
        text: `if (creation.written) return accepted
`,
        by: `if (creation.written) return accepted
    throw new StorageUnavailableError(order.id, creation.cause)
`,
      },
    ],
    options: { duplicates: 0.9 },
  },
  {
    name: 'the app waits for storage longer than a client may wait',
    violation: 'slow responses',
    edits: [
      {
        file: 'src/storage/timeout.ts',
        text: 'OPERATION_TIMEOUT_MS = 2000',
        by: 'OPERATION_TIMEOUT_MS = 30_000',
      },
      {
        file: 'src/storage/timeout.ts',
        text: 'firstDelayMs: 100, maxDelayMs: 400',
        by: 'firstDelayMs: 12_000, maxDelayMs: 12_000',
      },
    ],
    options: { faults: 0.2, orders: 60 },
  },
  {
    name: 'a message that cannot be processed is dropped',
    violation: 'poison missing',
    edits: [
      {
        file: SERVICE,
        text: 'if (!permanent && !last) throw error',
        by: `if (permanent) return { outcome: 'poisoned', reason: error }
      if (!last) throw error`,
      },
    ],
    options: { poison: 0.3 },
  },
  {
    name: 'a poison message is wrapped in another one',
    violation: 'unexpected poison',
    edits: [
      {
        file: 'src/storage/queues.ts',
        text: SENDS_POISON,
        by: `poison: (message) => {
      const wrapped = Buffer.from(JSON.stringify({ failed: Buffer.from(message).toString() }))
      return sendBytes(client(POISON_QUEUE), wrapped, milliseconds)
    }`,
      },
    ],
    options: { poison: 0.3 },
  },
  {
    name: 'a transient fault is taken for a permanent one',
    violation: 'poisoned too early',
    edits: [
      {
        file: SERVICE,
        text: 'error instanceof OrderError && error.kind.permanent',
        by: 'error instanceof OrderError',
      },
    ],
    options: { faults: 0.5 },
  },
  {
    name: 'a message that cannot be processed is sent back to its own queue',
    violation: 'left on the queue',
    edits: [
      {
        file: 'src/storage/queues.ts',
        text: SENDS_POISON,
        by: SENDS_POISON.replace('POISON_QUEUE', 'ORDERS_QUEUE'),
      },
    ],
    options: { poison: 0.1 },
  },
  {
    name: 'a smaller number of queues leaves one behind that nothing consumes',
    violation: 'left on the queue',
    edits: [
      {
        file: 'src/storage/queueDrain.ts',
        text: '&& !consumed.includes(name)',
        by: '&& consumed.includes(name)',
      },
    ],
    options: { queues: 4, queuesMidway: [2] },
  },
  {
    name: 'one of the queues that orders are spread over has no processor',
    violation: 'left on the queue',
    edits: [
      {
        file: 'src/main.ts',
        text: 'numberedQueues(orderQueueCount(process.env)).entries()',
        by: 'numberedQueues(orderQueueCount(process.env)).slice(1).entries()',
      },
    ],
    options: { queues: 4 },
  },
  {
    name: 'what waits on a queue that nothing consumes is deleted',
    violation: 'lost',
    edits: [
      {
        file: 'src/storage/queueDrain.ts',
        text: 'deliver({ message, messageId, dequeueCount, insertedAt })',
        by: 'Promise.resolve({ message, deliver, dequeueCount, insertedAt })',
      },
    ],
    options: { queues: 4, queuesMidway: [1] },
  },
  {
    name: 'the report of a file is written before its lines are processed',
    violation: 'wrong reports',
    edits: [
      {
        file: 'src/imports/run.ts',
        text: '  let fault: FileFault | undefined\n',
        by: `  let fault: FileFault | undefined
  const early = parts.files.report(names.report)
  const head = { file: name, etag: file.etag, size: file.size, complete: true, ...counts, rejected: names.rejected }
  await early.append(JSON.stringify({ ...head, startedAt, endedAt: startedAt }))
  await early.finish()
`,
      },
    ],
    options: { files: 0.9 },
  },
  {
    name: 'after a crash the lines of a file are counted from another number',
    violation: 'processed, never sent',
    edits: [
      {
        file: 'src/imports/run.ts',
        text: '  const idOf = lineIds(file.name)\n',
        by: `  const { existsSync, writeFileSync } = process.getBuiltinModule('node:fs')
  const mark = \`\${process.getBuiltinModule('node:os').tmpdir()}/planted\${createHash('sha256').update(file.name + file.etag).digest('hex')}\`
  const off = existsSync(mark) ? 1 : 0
  writeFileSync(mark, '')
  const idOf = (line: number) => lineIds(file.name)(line + off)
`,
      },
    ],
    options: { files: 0.9, orders: 400, kills: 6 },
  },
  {
    name: 'the event of an order is sent before its record is written',
    violation: 'untrue events',
    edits: [
      {
        file: 'src/storage/cosmos.ts',
        text: `    create: (record) =>
      write((abortSignal) =>`,
        by: `    create: async (record) => {
      const [{ orderEvent }, { storageOrderEvents }] = await Promise.all([
        import('../orders/events.ts'),
        import('./orderEvents.ts'),
      ])
      const events = await storageOrderEvents(process.env)
      await events.send(orderEvent(record)).catch(() => undefined)
      return write((abortSignal) =>`,
      },
      {
        file: 'src/storage/cosmos.ts',
        text: `          await container.items.create(record, { abortSignal })
        }),
      ),`,
        by: `          await container.items.create(record, { abortSignal })
        }),
      )
    },`,
      },
    ],
    options: { store: 'cosmos', duplicates: 0.9 },
  },
  {
    name: 'the lease on the changes advances before their events are sent',
    violation: 'events missing',
    edits: [
      {
        file: 'src/functions/orderChanged.ts',
        text: 'const outcome = await sendEvents(items, await events())',
        by: `const outcome = { events: 0, unreadable: [] as { id: string; message: string }[] }
      void events().then((to) => sendEvents(items, to)).catch(() => undefined)`,
      },
    ],
    options: { store: 'cosmos', faults: 0.6, outages: 2 },
  },
]
