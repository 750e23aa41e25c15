import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { glob, isDynamicPattern } from 'tinyglobby'
import { braceAlternatives } from './brace-alternatives.ts'
import { toError, WorkerError } from './errors.ts'
import { locateSyntaxError } from './syntax-error.ts'

/** The fields of the app's `package.json` that decide what is loaded, and how. */
interface AppPackage {
  readonly main?: string
  readonly type?: string
}

/** An app that could not be loaded; the message names the file. */
export class EntryPointError extends Error {}

/**
 * Loads every file that `main` of the app's `package.json` matches, and returns their names; `main` may be a glob:
 * https://learn.microsoft.com/azure/azure-functions/functions-reference-node#registering-a-function
 */
export async function loadEntryPoints(
  appDirectory: string,
  log: (message: string) => void,
  onFile: (file: string) => void,
): Promise<readonly string[]> {
  const manifest = await readManifest(appDirectory)
  if (manifest.main === undefined || manifest.main === '') return []
  let current = manifest.main
  try {
    const files = await matchingFiles(appDirectory, manifest.main)
    for (const file of files) {
      current = file
      onFile(file)
      log(`Loading entry point file "${file}"`)
      await loadFile(path.join(appDirectory, file), manifest)
      log(`Loaded entry point file "${file}"`)
    }
    return files
  } catch (thrown) {
    const error = toError(thrown)
    const wrapped = new EntryPointError(
      `Worker was unable to load entry point "${current}": ${error.message}`,
      {
        cause: error,
      },
    )
    // The original stack says where in the app it happened; a syntax error's begins with the file and the line.
    wrapped.stack = error.stack ?? wrapped.message
    if (error instanceof SyntaxError && !/^\S+:\d+\n/.test(wrapped.stack)) {
      wrapped.stack = (await locateSyntaxError(appDirectory)) ?? wrapped.stack
    }
    throw wrapped
  }
}

/** In the order in which the alternatives of braces name them, as the real worker loads them; of each, by name. */
async function matchingFiles(cwd: string, pattern: string): Promise<string[]> {
  const normalised = pattern.replace(/^\.\//, '')
  const matches = await Promise.all(
    braceAlternatives(normalised).map((alternative) =>
      glob(alternative, { cwd, dot: false, expandDirectories: false }),
    ),
  )
  const files = [...new Set(matches.flatMap((found) => found.sort()))]
  if (files.length > 0) return files
  if (isDynamicPattern(normalised)) throw new WorkerError('Found zero files matching the supplied pattern')
  throw new WorkerError('File does not exist. Build the app first, or correct "main" in package.json')
}

async function readManifest(appDirectory: string): Promise<AppPackage> {
  const file = path.join(appDirectory, 'package.json')
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch {
    throw new EntryPointError(
      `There is no package.json in ${appDirectory}. Start in the app's folder, or name it with --script-root.`,
    )
  }
  try {
    const parsed: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    if (typeof parsed !== 'object' || parsed === null) throw new Error('it does not hold an object')
    const { main, type } = parsed as Record<string, unknown>
    return {
      ...(typeof main === 'string' ? { main } : {}),
      ...(typeof type === 'string' ? { type } : {}),
    }
  } catch (thrown) {
    throw new EntryPointError(`package.json cannot be read: ${toError(thrown).message}`)
  }
}

async function loadFile(file: string, manifest: AppPackage): Promise<void> {
  if (isModule(file, manifest)) await import(pathToFileURL(file).href)
  else createRequire(file)(file)
}

/** https://nodejs.org/api/packages.html#determining-module-system */
function isModule(file: string, manifest: AppPackage): boolean {
  if (file.endsWith('.mjs')) return true
  if (file.endsWith('.cjs')) return false
  return manifest.type === 'module'
}
