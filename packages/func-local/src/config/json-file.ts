import { readFileSync } from 'node:fs'
import { getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser'

/** A configuration that cannot be used; the message is one line that says which, where, why and what to do. */
export class ConfigurationError extends Error {}

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>

/** A JSON file, read. */
export interface JsonFile {
  readonly content: JsonObject
  /** A number as it is written in the file, at a path of keys; `undefined` where there is no number. */
  readonly digits: (...path: readonly string[]) => string | undefined
}

/** Whether a value is a JSON object (not an array, not null). */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Reads a JSON file that holds an object; `undefined` when there is no such file. Allowed is what the real host's and
 * Core Tools' reader allows: comments, trailing commas, single quotes, keys without quotes, and UTF-16 behind a byte
 * order mark (https://www.newtonsoft.com/json).
 *
 * @throws {ConfigurationError}
 */
export function readJsonFile(file: string): JsonFile | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ConfigurationError(
      `${file} cannot be read (${code ?? String(error)}). Check that it is a file and its permissions.`,
    )
  }
  const text = withStandardQuotes(decode(bytes))
  const errors: ParseError[] = []
  let tree: Node | undefined
  let content: unknown
  try {
    tree = parseTree(text, errors, { allowTrailingComma: true })
    content = tree === undefined ? undefined : getNodeValue(tree)
  } catch {
    throw new ConfigurationError(`${file} is nested too deeply to be read. Correct it.`)
  }
  const [first] = errors
  if (first !== undefined) {
    const before = text.slice(0, first.offset).split('\n')
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`
    throw new ConfigurationError(
      `${file} is not valid JSON (${printParseErrorCode(first.error)} at ${place}). Correct it.`,
    )
  }
  if (!isObject(content)) {
    throw new ConfigurationError(`${file} must hold a JSON object. Correct it.`)
  }
  return {
    content,
    digits: (...path) => {
      let node = tree
      for (const key of path) node = node === undefined ? undefined : propertyOf(node, key)
      return node?.type === 'number' ? text.slice(node.offset, node.offset + node.length) : undefined
    },
  }
}

/** The value of an object's property; of a key that is there twice the last one counts, as in `content`. */
function propertyOf(node: Node, key: string): Node | undefined {
  if (node.type !== 'object') return undefined
  return node.children?.findLast(({ children }) => children?.[0]?.value === key)?.children?.[1]
}

function decode(bytes: Buffer): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  return new TextDecoder().decode(bytes)
}

const TOKEN =
  /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|('(?:[^'\\\n]|\\.)*')|(?<=[{,\s])([A-Za-z_$][\w$]*)(?=\s*:)/g

/** Writes single-quoted texts and bare keys with double quotes, so that an ordinary parser reads them. */
function withStandardQuotes(text: string): string {
  return text.replace(TOKEN, (token, single: string | undefined, key: string | undefined) => {
    if (key !== undefined) return `"${key}"`
    if (single === undefined) return token
    const inner = single.slice(1, -1).replace(/\\(.)|"/g, (found, escaped: string | undefined) => {
      if (escaped === undefined) return '\\"'
      return escaped === "'" ? "'" : found
    })
    return `"${inner}"`
  })
}
