import { BindingError } from '../host/function.ts'

/** What a storage operation was about, for the messages of its errors. */
export interface StorageTarget {
  readonly kind: 'queue' | 'container' | 'blob' | 'table'
  readonly name: string
  /** The name of the connection, as a setting has it. */
  readonly connection: string
  /** The service, where it is not Azure Storage. */
  readonly service?: 'Cosmos DB'
}

/** Whether a storage SDK's error has this code, `QueueNotFound` for example. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = codeOf(error)
  return code !== undefined && codes.includes(code)
}

/** The HTTP status of a storage SDK's error. */
export function statusOf(error: unknown): number | undefined {
  const status = property(error, 'statusCode')
  return typeof status === 'number' ? status : undefined
}

/** Where the code is differs by service: in the error, in its details, or in the response's headers. */
function codeOf(error: unknown): string | undefined {
  const details = property(error, 'details')
  return [property(error, 'code'), property(details, 'errorCode'), property(details, 'code')].find(
    (code) => typeof code === 'string' && code !== '',
  ) as string | undefined
}

/** The service's own words, without the request's id and time. */
function messageOf(error: unknown): string {
  const details = property(error, 'details')
  const odata = property(property(property(details, 'odataError'), 'message'), 'value')
  const candidates = [odata, property(details, 'Message'), property(details, 'message')]
  const said = candidates.find((text) => typeof text === 'string' && text !== '') as string | undefined
  const text = said ?? (error instanceof Error ? error.message : String(error))
  return (text.split(/\r?\n/)[0] ?? '').replace(/^0:/, '').trim()
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** What went wrong, in a few words for a log line: the service's status, code and message. */
export function reasonOf(error: unknown): string {
  if (isCode(error, 'ECONNREFUSED')) return 'connection refused'
  const status = statusOf(error)
  if (status === undefined) return messageOf(error)
  return [status, codeOf(error), messageOf(error)]
    .filter((part) => part !== undefined && part !== '')
    .join(' ')
}

// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes: these pass by themselves.
const PASSING_STATUS = [404, 408, 409, 412, 429]

/** Whether asking again cannot help: the name, the key, the size or the permission is wrong. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof BindingError) return true
  const status = statusOf(error)
  return status !== undefined && status >= 400 && status < 500 && !PASSING_STATUS.includes(status)
}

/** Names what an operation was about: `queue 'orders' (connection 'AzureWebJobsStorage')`. */
export function targetText({ kind, name, connection }: StorageTarget): string {
  return `${kind} '${name}' (connection '${connection}')`
}

/** What to do about an error, as a sentence. */
export function nextStepOf(error: unknown, { kind, connection, service }: StorageTarget): string {
  const status = statusOf(error)
  switch (status) {
    case undefined:
      return error instanceof BindingError
        ? ''
        : `Is ${service === undefined ? `the storage of connection '${connection}' (Azurite)` : `the account or emulator of connection '${connection}'`} running? Start it, or correct the setting.`
    case 400:
      return `Correct the name of the ${kind}, or what is sent to it.`
    case 401:
    case 403:
      return `Check the key of connection '${connection}', or the roles of its identity.`
    case 404:
      return `Create the ${kind}, or correct its name.`
    case 413:
      if (service === 'Cosmos DB')
        return 'An item holds at most 2 MB of JSON. Put more into a blob, and its name into the item.'
      return kind === 'queue'
        ? 'A message holds at most 64 KiB as it is sent, which is 48 KiB before Base64. Put more into a blob, and send its name.'
        : `Make what is sent to the ${kind} smaller.`
    default:
      return status >= 500 || status === 429
        ? `${service ?? 'The storage service'} is busy or failing; try later.`
        : ''
  }
}

/**
 * Does something with storage; its errors then name which queue, container or table it was, what the service said, and what to do.
 *
 * @throws {BindingError}
 */
export async function withTarget<T>(target: StorageTarget, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BindingError) throw error
    const text = targetText(target)
    const next = nextStepOf(error, target)
    throw new BindingError(
      `${text.charAt(0).toUpperCase()}${text.slice(1)} failed: ${reasonOf(error).replace(/\.$/, '')}.${next === '' ? '' : ` ${next}`}`,
      { cause: error },
    )
  }
}
