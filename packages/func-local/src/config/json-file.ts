import { readFileSync } from 'node:fs'
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser'

/** A configuration file that cannot be used; the message says which, where and what to do. */
export class ConfigurationError extends Error {}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** Whether a value is a JSON object (not an array, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads a JSON file that holds an object; `undefined` when there is no such file. Comments and trailing commas are
 * allowed, as the real host and Core Tools allow them.
 */
export function readJsonFile(file: string): JsonObject | undefined {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ConfigurationError(
      `${file} cannot be read (${code ?? String(error)}). Check that it is a file and its permissions.`,
    )
  }
  const text = content.replace(/^\uFEFF/, '')
  const errors: ParseError[] = []
  let value: unknown
  try {
    value = parse(text, errors, { allowTrailingComma: true })
  } catch {
    throw new ConfigurationError(`${file} is nested too deeply to be read. Correct it and start again.`)
  }
  const [first] = errors
  if (first !== undefined) {
    const before = text.slice(0, first.offset).split('\n')
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
    throw new ConfigurationError(
      `${file} is not valid JSON (${printParseErrorCode(first.error)} at ${place}). Correct it and start again.`,
    )
  }
  if (!isObject(value)) {
    throw new ConfigurationError(`${file} must hold a JSON object. Correct it and start again.`)
  }
  return value
}
