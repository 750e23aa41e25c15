import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals'
import { scratchCopy, type ScratchCopy } from './scratch.ts'

// "Add a status": one more schema of a record. The compiler then names every place that has to decide about it.

jest.setTimeout(300_000)

const VARIANTS = "v.variant('status', [acceptedOrderSchema, processedOrderSchema])"
const CODE = ['src/**/*.ts', 'scripts/**/*.ts', 'packages/soak/src/**/*.ts']

/** A place that decides by status, in the one way that is allowed. */
const SWITCH = /switch \([\w.]*status\)/g

let copy: ScratchCopy
let files: readonly { readonly name: string; readonly text: string }[]

beforeAll(async () => {
  copy = await scratchCopy()
  files = await Promise.all(
    globSync(CODE, { cwd: copy.folder }).map(async (name) => ({
      name: name.replaceAll(path.sep, '/'),
      text: await readFile(path.join(copy.folder, name), 'utf8'),
    })),
  )
})

afterAll(() => copy.remove())

it('is a compile error at every place that decides by status', async () => {
  await copy.replace(
    'src/orders/order.ts',
    VARIANTS,
    VARIANTS.replace(
      ']',
      ", v.object({ ...contentEntries, status: v.literal('cancelled'), cancelledAt: timeSchema })]",
    ),
  )
  const { output } = await copy.run('node_modules/typescript/bin/tsc', '--noEmit')
  const errors = new Map<string, Set<string>>()
  for (const [, file = '', line = ''] of output.matchAll(/^([^\s(]+)\((\d+),\d+\): error/gm)) {
    errors.set(file, (errors.get(file) ?? new Set()).add(line))
  }
  const undecided = files.flatMap(({ name, text }) => {
    const places = [...text.matchAll(SWITCH)].length
    return (errors.get(name)?.size ?? 0) < places ? [name] : []
  })
  expect(undecided).toStrictEqual([])

  // What a client, an operator and the description of the API are told is among them.
  expect([...errors.keys()]).toEqual(
    expect.arrayContaining([
      'src/orders/service.ts',
      'src/functions/order.ts',
      'src/functions/orderStatus.ts',
      'scripts/poison/diagnosis.ts',
      'scripts/openapi.ts',
    ]),
  )
})

it('is looked at nowhere but in such a place', () => {
  const elsewhere = files.filter(({ text }) => /\.status\s*[!=]==?\s*'(?:accepted|processed)'/.test(text))
  expect(elsewhere.map(({ name }) => name)).toStrictEqual([])
})
