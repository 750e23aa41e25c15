import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals'
import { scratchCopy, type ScratchCopy } from './scratch.ts'

// "Remove what you don't need": what is left without these folders installs, and passes lint, type check and unit tests.

jest.setTimeout(900_000)

const REMOVED = ['packages/soak', 'packages/bench', 'infra', '.github']

let copy: ScratchCopy

beforeAll(async () => {
  copy = await scratchCopy({ linked: false })
  for (const folder of REMOVED) await rm(path.join(copy.folder, folder), { recursive: true })
})

afterAll(() => copy.remove())

function npm(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('npm', args, {
    cwd: copy.folder,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
    shell: process.platform === 'win32',
  })
  return { status, output: stdout + stderr }
}

// One after the other: each needs the one before.
it('installs, and passes lint, type check and unit tests', async () => {
  for (const args of [
    ['ci', '--prefer-offline', '--no-audit', '--no-fund'],
    ['run', 'lint'],
    ['run', 'typecheck'],
  ]) {
    const { status, output } = npm(...args)
    expect({ command: args.join(' '), status, ...(status !== 0 && { output }) }).toStrictEqual({
      command: args.join(' '),
      status: 0,
    })
  }
  const { code, output } = await copy.jest('--selectProjects', 'unit')
  expect({ code, ...(code !== 0 && { output }) }).toStrictEqual({ code: 0 })
})
