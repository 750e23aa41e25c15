import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { glob } from 'tinyglobby'

const MOST_FILES = 20

/**
 * Finds the file with the syntax error. Node does not tell it for an ES module that is imported (the stack ends in Node
 * itself), so the files that changed last are checked, newest first; gives Node's own words, with file and line.
 */
export async function locateSyntaxError(appDirectory: string): Promise<string | undefined> {
  const files = await glob('**/*.{js,mjs,cjs}', {
    cwd: appDirectory,
    ignore: ['**/node_modules/**'],
    absolute: true,
  })
  const newest = files
    .map((file) => ({ file, changed: changedAt(file) }))
    .sort((a, b) => b.changed - a.changed)
    .slice(0, MOST_FILES)
  for (const { file } of newest) {
    try {
      execFileSync(process.execPath, ['--check', file], { stdio: ['ignore', 'ignore', 'pipe'], env: {} })
    } catch (error) {
      const { stderr } = error as { stderr?: Buffer }
      const text = stderr?.toString('utf8') ?? ''
      // Up to the stack, which is Node's own.
      if (/^\w*SyntaxError/m.test(text))
        return text.split(/\n\s+at /)[0]?.replaceAll(appDirectory + path.sep, '')
    }
  }
  return undefined
}

function changedAt(file: string): number {
  try {
    return statSync(file).mtimeMs
  } catch {
    return 0
  }
}
