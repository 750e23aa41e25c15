import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { addFields, ORDER } from './newFields.ts'
import { scratchCopy, type ScratchCopy } from './scratch.ts'

// "Add a field": an edit of the list of content fields, and nothing else. Everything that is promised of an order then holds for
// the new fields; where one derivation is taken out, the tests notice.

jest.setTimeout(900_000)

const PROPERTIES = ['--selectProjects', 'unit', '--', 'test/unit/content']

let copy: ScratchCopy

beforeAll(async () => {
  copy = await scratchCopy()
  await addFields(copy)
  expect(await copy.run('scripts/openapi.ts')).toStrictEqual({ code: 0, output: '' })
})

afterAll(() => copy.remove())

it('passes the type check', async () => {
  expect(await copy.run('node_modules/typescript/bin/tsc', '--noEmit')).toStrictEqual({ code: 0, output: '' })
})

it('is in the description of the API', async () => {
  const openapi = JSON.parse(await readFile(path.join(copy.folder, 'src/http/openapi.json'), 'utf8')) as {
    components: { schemas: Record<string, { properties: Record<string, unknown> }> }
  }
  for (const schema of ['Order', 'AcceptedOrder', 'ProcessedOrder']) {
    expect(Object.keys(openapi.components.schemas[schema]?.properties ?? {})).toEqual(
      expect.arrayContaining(['item', 'quantity', 'customer', 'address', 'lines']),
    )
  }
})

it('passes the unit tests, those of every field by itself among them', async () => {
  const { code, output } = await copy.jest('--selectProjects', 'unit')
  expect(output).toMatch(/Tests: +\d+ passed/)
  expect({ code, ...(code !== 0 && { output }) }).toStrictEqual({ code: 0 })
})

it('is stored in, and read from, every store of records', async () => {
  const { code, output } = await copy.jest(
    '--selectProjects',
    'integration',
    '--',
    'test/integration/(storage|records).test',
  )
  expect({ code, ...(code !== 0 && { output }) }).toStrictEqual({ code: 0 })
})

describe('is noticed to be lost where one derivation is taken out', () => {
  it.each<[string, string, string, string]>([
    [
      'of what a record and a queue message hold',
      ORDER,
      'if (value !== undefined) content[name] = value',
      "if (value !== undefined && ['item', 'quantity'].includes(name)) content[name] = value",
    ],
    [
      'of when two orders are the same',
      ORDER,
      'return isDeepStrictEqual(comparable(a), comparable(b))',
      'return a.item === b.item && a.quantity === b.quantity',
    ],
    [
      'of the queue message',
      'src/orders/service.ts',
      'JSON.stringify({ id: order.id, ...contentOf(order) })',
      'JSON.stringify({ id: order.id, item: order.item, quantity: order.quantity })',
    ],
    [
      'of the processed record',
      'src/orders/service.ts',
      "...contentOf(order),\n      status: 'processed'",
      "item: order.item, quantity: order.quantity,\n      status: 'processed'",
    ],
    [
      'of the columns that hold JSON text',
      'src/storage/columns.ts',
      'return schema !== undefined && !isScalar(schema)',
      'return schema === undefined && !isScalar(schema)',
    ],
  ])('%s', async (_, file, before, by) => {
    const undo = await copy.replace(file, before, by)
    const { code, output } = await copy.jest(...PROPERTIES)
    await undo()
    expect(code).not.toBe(0)
    expect(output).toMatch(/Tests: +\d+ failed|must not be|cannot|Property failed/)
  })
})
