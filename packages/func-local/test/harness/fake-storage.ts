import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/*
 * A storage account in memory, in this process: as much of the REST API of blobs and queues as the host uses. What the real
 * service does is checked with Azurite; this one is quick, can be looked into, and fails when it is told to.
 * https://learn.microsoft.com/rest/api/storageservices/
 */

/** A request as the service got it. */
export interface StorageRequest {
  readonly service: 'blob' | 'queue' | 'table'
  readonly method: string
  /** Decoded, without the account: `/box/a.txt`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A response of the service. */
export interface StorageResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** A blob as it is stored. */
export interface StoredBlob {
  content: Buffer
  etag: string
  metadata: Map<string, string>
  lease: string | undefined
  type: string
}

/** A storage account that tests look into. */
export interface FakeStorage {
  readonly connectionString: string
  readonly requests: readonly StorageRequest[]
  readonly containers: ReadonlyMap<string, ReadonlyMap<string, StoredBlob>>
  /** The texts in each queue, in their order. */
  readonly queues: ReadonlyMap<string, readonly { readonly text: string }[]>
  /** Creates or replaces a blob, in a container that is created when it is missing. */
  readonly put: (
    container: string,
    name: string,
    content: string,
    metadata?: Readonly<Record<string, string>>,
  ) => void
  readonly remove: (container: string, name: string) => void
  readonly putMessage: (queue: string, text: string) => void
  /** Is asked first for each request; a response of its own stands for the service's. */
  intercept: (request: StorageRequest) => StorageResponse | undefined
  readonly stop: () => Promise<void>
}

/** A refusal in the form of the service. */
export function refusal(status: number, code: string, message = code): StorageResponse {
  return {
    status,
    headers: { 'x-ms-error-code': code, 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}\nRequestId:1\nTime:2</Message></Error>`,
  }
}

interface StoredMessage {
  readonly id: string
  readonly text: string
  receipt: number
  count: number
  visibleAt: number
}

const DATE = new Date(Date.UTC(2026, 0, 2, 3, 4, 5)).toUTCString()

/** Starts an account without containers and queues. */
export async function startFakeStorage(): Promise<FakeStorage> {
  const containers = new Map<string, Map<string, StoredBlob>>()
  const queues = new Map<string, StoredMessage[]>()
  const requests: StorageRequest[] = []
  let serial = 0
  const nextEtag = (): string => `"0x${(++serial).toString(16)}"`

  const servers = (['blob', 'queue', 'table'] as const).map((service) =>
    createServer((message, response) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('end', () => {
        const url = new URL(message.url ?? '', 'http://x')
        const request: StorageRequest = {
          service,
          method: message.method ?? '',
          path: decodeURIComponent(url.pathname.replace(/^\/account/, '')),
          query: url.searchParams,
          headers: message.headers,
          body: Buffer.concat(chunks),
        }
        requests.push(request)
        const answer = storage.intercept(request) ?? handlers[service](request)
        const isHead = request.method === 'HEAD'
        response.writeHead(answer.status, {
          'x-ms-request-id': '1',
          'x-ms-version': '2025-01-05',
          date: DATE,
          ...(isHead ? {} : { 'content-length': Buffer.byteLength(answer.body ?? '') }),
          ...answer.headers,
        })
        response.end(isHead ? undefined : answer.body)
      })
    }),
  )
  for (const server of servers) server.listen(0, '127.0.0.1')
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const [blob, queue, table] = servers.map((server) => (server.address() as AddressInfo).port)
  const endpoint = (port: number | undefined): string => `http://127.0.0.1:${port}/account`

  const handlers = {
    blob: (request: StorageRequest): StorageResponse => {
      const [, container = '', ...rest] = request.path.split('/')
      const name = rest.join('/')
      return name === '' ? onContainer(request, container) : onBlob(request, container, name)
    },
    queue: (request: StorageRequest): StorageResponse => {
      const [, name = '', , id] = request.path.split('/')
      return onQueue(request, name, id)
    },
    table: (): StorageResponse => refusal(500, 'NotImplemented'),
  }

  function onContainer({ method, query }: StorageRequest, container: string): StorageResponse {
    const blobs = containers.get(container)
    if (method === 'PUT') {
      if (blobs !== undefined) return refusal(409, 'ContainerAlreadyExists')
      containers.set(container, new Map())
      return { status: 201 }
    }
    if (blobs === undefined) return refusal(404, 'ContainerNotFound')
    const withMetadata = query.get('include')?.includes('metadata') === true
    const items = [...blobs]
      .filter(([name]) => name.startsWith(query.get('prefix') ?? ''))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(
        ([name, { etag, metadata }]) =>
          `<Blob><Name>${escaped(name)}</Name><Properties><Etag>${escaped(etag.replaceAll('"', ''))}</Etag><Last-Modified>${DATE}</Last-Modified><BlobType>BlockBlob</BlobType></Properties>` +
          (withMetadata
            ? `<Metadata>${[...metadata].map(([key, value]) => `<${key}>${escaped(value)}</${key}>`).join('')}</Metadata>`
            : '') +
          '</Blob>',
      )
    return {
      status: 200,
      headers: { 'content-type': 'application/xml' },
      body: `<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="${container}"><Blobs>${items.join('')}</Blobs><NextMarker /></EnumerationResults>`,
    }
  }

  function onBlob(request: StorageRequest, container: string, name: string): StorageResponse {
    const { method, query, headers } = request
    const blobs = containers.get(container)
    if (blobs === undefined) return refusal(404, 'ContainerNotFound')
    const found = blobs.get(name)
    const metadata = new Map(
      Object.entries(headers).flatMap(([key, value]) =>
        key.startsWith('x-ms-meta-') ? [[key.slice('x-ms-meta-'.length), String(value)] as const] : [],
      ),
    )
    const comp = query.get('comp')
    if (method === 'PUT' && comp === null) {
      if (found?.lease !== undefined && headers['x-ms-lease-id'] !== found.lease)
        return refusal(412, 'LeaseIdMissing')
      if (found !== undefined && headers['if-none-match'] === '*') return refusal(409, 'BlobAlreadyExists')
      const etag = nextEtag()
      blobs.set(name, {
        content: request.body,
        etag,
        metadata,
        lease: undefined,
        type: String(headers['x-ms-blob-type']),
      })
      return { status: 201, headers: { etag, 'last-modified': DATE } }
    }
    if (found === undefined) return refusal(404, 'BlobNotFound')
    if (comp === 'lease') return onLease(request, found)
    if (method === 'PUT' && comp === 'metadata') {
      if (found.lease !== headers['x-ms-lease-id']) return refusal(412, 'LeaseIdMissing')
      found.metadata = metadata
      found.etag = nextEtag()
      return { status: 200, headers: { etag: found.etag, 'last-modified': DATE } }
    }
    if (headers['if-match'] !== undefined && headers['if-match'] !== found.etag)
      return refusal(412, 'ConditionNotMet')
    return {
      status: 200,
      headers: {
        etag: found.etag,
        'last-modified': DATE,
        'content-type': 'text/plain',
        'content-length': String(found.content.length),
        'x-ms-blob-type': found.type,
        'x-ms-creation-time': DATE,
        'x-ms-lease-state': found.lease === undefined ? 'available' : 'leased',
        'x-ms-lease-status': found.lease === undefined ? 'unlocked' : 'locked',
        ...Object.fromEntries([...found.metadata].map(([key, value]) => [`x-ms-meta-${key}`, value])),
      },
      body: found.content,
    }
  }

  function onLease({ headers }: StorageRequest, blob: StoredBlob): StorageResponse {
    const [action, id] = [headers['x-ms-lease-action'], headers['x-ms-lease-id']]
    const base = { etag: blob.etag, 'last-modified': DATE }
    if (action === 'acquire') {
      if (blob.lease !== undefined) return refusal(409, 'LeaseAlreadyPresent')
      blob.lease = String(headers['x-ms-proposed-lease-id'])
      return { status: 201, headers: { ...base, 'x-ms-lease-id': blob.lease } }
    }
    if (blob.lease !== id) return refusal(409, 'LeaseIdMismatchWithLeaseOperation')
    if (action === 'release') blob.lease = undefined
    return { status: 200, headers: { ...base, 'x-ms-lease-id': String(id) } }
  }

  function onQueue(
    { method, query, body }: StorageRequest,
    name: string,
    id: string | undefined,
  ): StorageResponse {
    const messages = queues.get(name)
    const receipt = query.get('popreceipt')
    if (method === 'PUT' && id === undefined) {
      queues.set(name, messages ?? [])
      return { status: messages === undefined ? 201 : 204 }
    }
    if (messages === undefined) return refusal(404, 'QueueNotFound')
    if (query.get('comp') === 'metadata')
      return { status: 200, headers: { 'x-ms-approximate-messages-count': String(messages.length) } }
    if (method === 'POST') {
      const [, text = ''] = /<MessageText>([^]*)<\/MessageText>/.exec(body.toString()) ?? []
      putMessage(name, unescaped(text))
      return listOf(messages.slice(-1), 201, false)
    }
    if (id !== undefined) {
      const message = messages.find((one) => one.id === id)
      if (message === undefined) return refusal(404, 'MessageNotFound')
      if (String(message.receipt) !== receipt) return refusal(400, 'PopReceiptMismatch')
      if (method === 'DELETE')
        queues.set(name, messages.filter((one) => one !== message)) // prettier-ignore
      else {
        message.receipt += 1
        message.visibleAt = Date.now() + Number(query.get('visibilitytimeout')) * 1000
      }
      return {
        status: 204,
        headers: { 'x-ms-popreceipt': String(message.receipt), 'x-ms-time-next-visible': DATE },
      }
    }
    const taken = messages
      .filter(({ visibleAt }) => visibleAt <= Date.now())
      .slice(0, Number(query.get('numofmessages') ?? 1))
    if (query.get('peekonly') === 'true') return listOf(taken, 200, true)
    for (const message of taken) {
      message.count += 1
      message.receipt += 1
      message.visibleAt = Date.now() + Number(query.get('visibilitytimeout') ?? 30) * 1000
    }
    return listOf(taken, 200, true)
  }

  function listOf(messages: readonly StoredMessage[], status: number, withText: boolean): StorageResponse {
    const items = messages.map(
      ({ id, receipt, count, text }) =>
        `<QueueMessage><MessageId>${id}</MessageId><InsertionTime>${DATE}</InsertionTime><ExpirationTime>${DATE}</ExpirationTime><PopReceipt>${receipt}</PopReceipt><TimeNextVisible>${DATE}</TimeNextVisible>` +
        (withText ? `<DequeueCount>${count}</DequeueCount><MessageText>${escaped(text)}</MessageText>` : '') +
        '</QueueMessage>',
    )
    return {
      status,
      headers: { 'content-type': 'application/xml' },
      body: `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList>${items.join('')}</QueueMessagesList>`,
    }
  }

  function putMessage(name: string, text: string): void {
    const messages = queues.get(name) ?? []
    messages.push({ id: `m${++serial}`, text, receipt: 0, count: 0, visibleAt: 0 })
    queues.set(name, messages)
  }

  const storage: FakeStorage = {
    connectionString:
      `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${Buffer.from('key').toString('base64')};` +
      `BlobEndpoint=${endpoint(blob)};QueueEndpoint=${endpoint(queue)};TableEndpoint=${endpoint(table)}`,
    requests,
    containers,
    queues,
    put: (container, name, content, metadata = {}) => {
      const blobs = containers.get(container) ?? new Map<string, StoredBlob>()
      containers.set(container, blobs)
      blobs.set(name, {
        content: Buffer.from(content),
        etag: nextEtag(),
        metadata: new Map(Object.entries(metadata)),
        lease: undefined,
        type: 'BlockBlob',
      })
    },
    remove: (container, name) => void containers.get(container)?.delete(name),
    putMessage,
    intercept: () => undefined,
    stop: async () => {
      for (const server of servers) server.closeAllConnections()
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
    },
  }
  return storage
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

function unescaped(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

/** Waits for something that happens by itself. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}
