import { existsSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals'
import { ROOT } from '../../scripts/build.ts'
import { addFields, ORDER } from './newFields.ts'
import { scratchCopy, type ScratchCopy } from './scratch.ts'

// "Add a field": the fault harness sends it, and compares it, without an edit of its own.

jest.setTimeout(900_000)

const SOAK = [
  'packages/soak/src/main.ts',
  ...['--orders', '300', '--kills', '0', '--outages', '0', '--faults', '0.02', '--seed', '11'],
  ...['--duplicates', '0.3', '--conflicts', '0.2'],
] as const

// The fault harness is one of the folders that can be removed.
const itWithHarness = existsSync(path.join(ROOT, 'packages/soak')) ? it : it.skip

let copy: ScratchCopy

beforeAll(async () => {
  copy = await scratchCopy()
  await addFields(copy)
})

afterAll(() => copy.remove())

itWithHarness('is part of a run of the fault harness', async () => {
  const { code, output } = await copy.run(...SOAK)
  expect(output).toContain('No violations.')
  expect(code).toBe(0)
})

itWithHarness('is reported where the service loses it', async () => {
  await copy.replace(
    ORDER,
    'if (value !== undefined) content[name] = value',
    "if (value !== undefined && ['item', 'quantity'].includes(name)) content[name] = value",
  )
  const { code, output } = await copy.run(...SOAK)
  expect(output).toMatch(/^WRONG RESPONSES +[1-9]/m)
  expect(output).toMatch(/^PROCESSED, NEVER SENT +[1-9]/m)
  expect(output).toMatch(/customer|address|lines/)
  expect(code).toBe(1)
})
