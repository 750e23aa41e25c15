import { isDeepStrictEqual } from 'node:util'

/** Something that is not as it was recorded. */
export interface Difference {
  readonly path: string
  readonly real: unknown
  readonly here: unknown
}

/** Where two results differ; what is recorded but not compared (framing, reasons, wording of errors, log levels) aside. */
export function differencesBetween(real: unknown, here: unknown): Difference[] {
  return compare(comparable(plain(real)), comparable(plain(here)), '')
}

/** Only data: an array of another realm is not equal to one of this realm. */
function plain(result: unknown): unknown {
  return JSON.parse(JSON.stringify(result))
}

function comparable(result: unknown): unknown {
  const copy = withoutUncompared(result)
  if (!isRecord(copy)) return copy
  const { inError, functions, log, reason: _reason, ...rest } = copy
  const errors = isRecord(inError) ? Object.keys(inError).sort() : undefined
  return {
    ...rest,
    ...(errors === undefined ? {} : { inError: errors }),
    ...(Array.isArray(functions)
      ? { functions: functions.filter((name: unknown) => errors?.some((error) => error === name) !== true) }
      : {}),
    ...(Array.isArray(log)
      ? {
          log: log
            .map((line: unknown) => (Array.isArray(line) ? String(line[1]) : ''))
            .join('\n')
            .replaceAll('\r', ''),
        }
      : {}),
  }
}

function withoutUncompared(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUncompared)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).filter(
    ([name]) => name !== 'framing' && name !== 'x-ms-invocation-id',
  )
  return Object.fromEntries(entries.map(([name, one]) => [name, withoutUncompared(one)]))
}

function compare(real: unknown, here: unknown, path: string): Difference[] {
  if (isDeepStrictEqual(real, here)) return []
  const parsed = [real, here].map(jsonOf)
  if (parsed.every((value) => value !== undefined) && !isDeepStrictEqual(parsed[0], parsed[1]))
    return compare(parsed[0], parsed[1], `${path}~`)
  if (isContainer(real) && isContainer(here) && Array.isArray(real) === Array.isArray(here)) {
    const names = new Set([...Object.keys(real), ...Object.keys(here)])
    const inside = [...names].flatMap((name) =>
      compare(real[name], here[name], path === '' ? name : `${path}.${name}`),
    )
    if (inside.length > 0) return inside
  }
  return [{ path, real, here }]
}

function jsonOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return undefined
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
