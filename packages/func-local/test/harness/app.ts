import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** A function app in a folder of its own, for tests that change it. */
export interface TestApp {
  readonly directory: string
  readonly write: (files: Readonly<Record<string, string>>) => Promise<void>
  readonly remove: () => Promise<void>
}

/** Writes an app; `host.json` and a CommonJS `package.json` with main `src/*.js` are there unless given. */
export async function writeApp(files: Readonly<Record<string, string>>): Promise<TestApp> {
  const directory = await mkdtemp(path.join(tmpdir(), 'func-local-'))
  const modules = fileURLToPath(new URL('../../../../node_modules', import.meta.url))
  await symlink(modules, path.join(directory, 'node_modules'), 'junction')
  const write = async (changed: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, content] of Object.entries(changed)) {
      const file = path.join(directory, name)
      await mkdir(path.dirname(file), { recursive: true })
      await writeFile(file, content)
    }
  }
  await write({
    'host.json': '{ "version": "2.0" }',
    'package.json': '{ "main": "src/*.js" }',
    ...files,
  })
  return { directory, write, remove: () => rm(directory, { recursive: true, force: true }) }
}

/** The source of an app with one HTTP function that answers a text. */
export function answering(name: string, body: string, before = ''): string {
  return `const { app } = require('@azure/functions')
app.http('${name}', { handler: async () => { ${before}; return { body: '${body}' } } })
`
}
