import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from '@jest/globals'
import { PLANTED_BUGS } from '../src/planted/bugs.ts'
import { edited } from '../src/planted/plantedApp.ts'
import { VIOLATIONS } from '../src/violations.ts'

// That the harness finds these bugs takes minutes: npm run soak -- --planted

const ROOT = path.join(import.meta.dirname, '../../..')

it('has a planted bug for every kind of violation', () => {
  expect(new Set(PLANTED_BUGS.map(({ violation }) => violation))).toStrictEqual(new Set(VIOLATIONS))
})

it.each(PLANTED_BUGS)('can still be planted: $name', async ({ edits }) => {
  for (const edit of edits) {
    const content = await readFile(path.join(ROOT, edit.file), 'utf8')
    expect(edited(content, edit)).not.toBe(content)
  }
})
