import { expect, it } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { startAzurite } from 'testkit/azurite'
import { startHost } from 'testkit/hostProcess'
import { unpackedApp } from 'testkit/unpackedApp'
import { ROOT } from '../../scripts/build.ts'

// The tour of the README, pasted into a shell in one go: it prints what the README shows, and nothing else.

const ESCAPED = /[.*+?^${}()|[\]\\]/g

/** The contents of a page's code blocks of one kind. */
function blocks(page: string, kind: string): readonly string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, 'gms'))].map(([, block = '']) => block)
}

/** A documented line as a pattern: `…` stands for anything. */
function pattern(line: string): RegExp {
  return new RegExp(`^${line.replaceAll(ESCAPED, '\\$&').replaceAll('…', '.*')}$`)
}

it('the tour prints what the README shows', async () => {
  const readme = await readFile(`${ROOT}/README.md`, 'utf8')
  const commands = blocks(readme, 'sh tour').join('')
  const expected = blocks(readme, 'text tour').join('').trimEnd().split('\n')
  expect(commands).toContain('localhost:7071')

  const azurite = await startAzurite({})
  const app = await unpackedApp()
  const host = await startHost({
    folder: app.folder,
    environment: { AzureWebJobsStorage: azurite.connectionString },
  })
  try {
    const shell = spawn('bash', [], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: '', AzureWebJobsStorage: azurite.connectionString },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 120_000,
    })
    const ended = once(shell, 'exit')
    // As in a terminal: standard output and errors in the order of the commands.
    const here = commands
      .replaceAll('localhost:7071', new URL(host.url).host)
      // curl shows a progress meter only if its output is not a terminal.
      .replaceAll(/curl -(f?w)/g, 'curl -sS -$1')
    shell.stdin.end(`exec 2>&1\n${here}`)
    const printed = (await text(shell.stdout)).trimEnd().split('\n')
    await ended
    const matched = printed.map((line, i) => (pattern(expected[i] ?? '').test(line) ? expected[i] : line))
    expect(matched).toStrictEqual(expected)
    // The retry returns the same record, byte for byte.
    expect(printed[3]).toBe(printed[2])
  } finally {
    await host.stop()
    await app.remove()
    await azurite.stop()
  }
}, 240_000)
