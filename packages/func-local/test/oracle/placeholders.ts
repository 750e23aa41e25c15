/** What changes from run to run. */
export interface Volatile {
  readonly port: number
  readonly appDirectory: string
  readonly storage: string
}

const KEPT_GUID = '6f9619ff-8b86-d011-b42d-00cf4fc964ff'
const RECORDED_ACCOUNT = 'devstoreaccount1'
const RECENT_MS = 15 * 86_400_000

/** Replaces what changes from run to run by names, as it was replaced in the recording. */
export function withPlaceholders(text: string, { port, appDirectory, storage }: Volatile): string {
  const endpoints = [...storage.matchAll(/(Blob|Queue|Table)Endpoint=(https?:\/\/[^/;]+)\/(\w+)/g)]
  const named = endpoints.reduce(
    (result, [, service = '', url = '', account = '']) =>
      result
        .replaceAll(`${url}/${account}/`, `<${service.toLowerCase()}>/${RECORDED_ACCOUNT}/`)
        .replaceAll(url, `<${service.toLowerCase()}>`),
    text,
  )
  return named
    .replaceAll(appDirectory, '<app>')
    .replace(new RegExp(`\\b(127\\.0\\.0\\.1|localhost):${port}\\b`, 'g'), '$1:<port>')
    .replace(/\bqueueTrigger[0-9a-f]{10}\b/g, 'queueTrigger<n>')
    .replace(/formdata-undici-\d+/g, 'formdata-undici-<n>')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (guid) =>
      guid === KEPT_GUID ? guid : '<guid>',
    )
    .replace(
      /\b(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?/g,
      (whole, time: string, zone: string | undefined) =>
        isRecent(`${time}Z`) ? `<time>${zone ?? ''}` : whole,
    )
    .replace(/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT/g, (date) =>
      isRecent(date) ? '<date>' : date,
    )
    .replace(/\b\d\d\/\d\d\/20\d\d \d\d:\d\d:\d\d \+00:00/g, '<usdate>')
}

function isRecent(date: string): boolean {
  return Math.abs(Date.parse(date) - Date.now()) < RECENT_MS
}

/** The same for every text in a value, names of properties included. */
export function deepPlaceholders(value: unknown, volatile: Volatile): unknown {
  if (typeof value === 'string') return withPlaceholders(value, volatile)
  if (Array.isArray(value)) return value.map((one) => deepPlaceholders(one, volatile))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      withPlaceholders(name, volatile),
      deepPlaceholders(one, volatile),
    ]),
  )
}

/** Bytes as text where they are text, else as Base64. */
export function shownBytes(bytes: Buffer, volatile: Volatile): { body: string } | { body64: string } {
  const text = bytes.toString('utf8')
  // eslint-disable-next-line no-control-regex -- what makes bytes no text
  const isText = Buffer.from(text).equals(bytes) && !/[\0-\x08\x0e-\x1f]/.test(text)
  return isText ? { body: withPlaceholders(text, volatile) } : { body64: bytes.toString('base64') }
}
