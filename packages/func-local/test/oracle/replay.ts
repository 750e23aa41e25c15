import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { exchange, type WireResponse } from '../harness/exchange.ts'
import { spawnHost, type TestHost } from '../harness/host.ts'
import { deepPlaceholders, shownBytes, withPlaceholders, type Volatile } from './placeholders.ts'
import { appFolder, type RecordedCase, type RecordedRequest, type Run, type Variant } from './recording.ts'
import { openStorage, type RunStorage } from './storage.ts'

/** What a case did here, in the form of the recording. */
export type Result = Readonly<Record<string, unknown>>

const MODULES = fileURLToPath(new URL('../../../../node_modules', import.meta.url))
const STARTED_WITHIN_MS = 25_000
const POLL_MS = 30
const LONG_BODY = 3000
const REQUEST_TIMEOUT_MS = 10_000
const RAW_TIMEOUT_MS = 6000
const SEEN_WITHIN_MS = 8000
const SETTLE_MS = 500
const LOG_SETTLE_MS = 350
const BLOBS_WITHIN_MS = 45_000
const BLOBS_QUIET_MS = 4000
const NOT_COMPARED = new Set([
  'date', 'server', 'request-context', 'transfer-encoding', 'content-length', 'connection', 'keep-alive',
]) // prettier-ignore

/** Starts a host for a run, does all its cases one after the other, and stops it. */
export async function replay(run: Run, connectionString: string): Promise<ReadonlyMap<RecordedCase, Result>> {
  const root = await mkdtemp(path.join(tmpdir(), 'func-local-recorded-'))
  await symlink(MODULES, path.join(root, 'node_modules'), 'junction')
  const directory = path.join(root, run.app)
  await copyApp(run, directory)
  const storage = openStorage(connectionString)
  if (run.usesStorage) await storage.prepare(run.cases)
  const { key, args, env } = run.variant
  const host = await spawnHost(directory, {
    args: args === undefined ? [] : args.split(' '),
    env: { AzureWebJobsStorage: run.usesStorage ? connectionString : '', ...env },
  })
  try {
    const volatile = { port: host.port, appDirectory: directory, storage: connectionString }
    const replayer = new Replayer(host, storage, volatile, key)
    return await replayer.all(run.cases)
  } finally {
    host.process.kill('SIGKILL')
    await host.exited
    await rm(root, { recursive: true, force: true })
  }
}

async function copyApp(
  { app, variant }: { app: string; variant: Variant },
  directory: string,
): Promise<void> {
  await mkdir(directory)
  await cp(appFolder(app), directory, { recursive: true })
  for (const [name, content] of Object.entries(variant.files ?? {})) {
    const file = path.join(directory, name)
    if (content === null) await rm(file)
    else await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  }
}

class Replayer {
  readonly #host: TestHost
  readonly #storage: RunStorage
  readonly #volatile: Volatile
  readonly #key: string | undefined

  constructor(host: TestHost, storage: RunStorage, volatile: Volatile, key: string | undefined) {
    this.#host = host
    this.#storage = storage
    this.#volatile = volatile
    this.#key = key
  }

  async all(cases: readonly RecordedCase[]): Promise<ReadonlyMap<RecordedCase, Result>> {
    const starts = await this.#hasStarted()
    const results = new Map(starts ? await this.#blobTriggers(cases) : [])
    for (const one of cases) {
      if (!results.has(one)) results.set(one, await this.#one(one, starts))
    }
    return results
  }

  /** A host that must not start may end or, as the real one does, say that it is in error. */
  async #hasStarted(): Promise<boolean> {
    const hasEnded = (): boolean => this.#host.process.exitCode !== null
    const deadline = Date.now() + STARTED_WITHIN_MS
    while (Date.now() < deadline && !hasEnded()) {
      const status = await this.#get('/admin/host/status')
      const state = isRecord(status) ? status['state'] : undefined
      if (state === 'Error') return false
      if (state === 'Running') {
        await Promise.race([this.#host.printed('Host lock lease acquired'), this.#host.exited])
        return true
      }
      await sleep(POLL_MS)
    }
    if (hasEnded()) return false
    throw new Error(`The host neither started nor ended:\n${this.#host.output()}`)
  }

  async #one({ do: deed }: RecordedCase, starts: boolean): Promise<Result> {
    if (deed.start === true) return starts ? await this.#functions() : { starts: false }
    if (!starts) return { hostDown: true }
    const result: Record<string, unknown> = {}
    if (deed.seen !== undefined) await this.#get('/api/clear')
    for (const blob of deed.put ?? []) await this.#storage.putBlob(blob)
    const from = this.#host.output().length
    if (deed.queue !== undefined) await this.#storage.putMessage(deed.queue)
    const request = deed.http ?? (deed.path === undefined && !isRaw(deed) ? undefined : deed)
    if (request !== undefined) Object.assign(result, await this.#request(request))
    if (deed.seen !== undefined) result['seen'] = await this.#seen(deed.seen, deed.wait, deed.settle)
    if (deed.peek !== undefined) {
      const queues = await Promise.all(
        deed.peek.map(async (name) => [
          name,
          await this.#storage.messages(name, deed.peekWait ?? 0, this.#volatile),
        ]),
      )
      result['queues'] = Object.fromEntries(queues) as unknown
    }
    if (deed.read !== undefined) {
      const blobs = await Promise.all(
        deed.read.map(async ([container, name]) => [
          `${container}/${name}`,
          await this.#storage.blob(container, name, this.#volatile),
        ]),
      )
      result['blobs'] = Object.fromEntries(blobs) as unknown
    }
    if (deed.log !== undefined) {
      await sleep(deed.log === true ? LOG_SETTLE_MS : deed.log)
      result['log'] = appLog(this.#host.output().slice(from)).map((text) => [
        '',
        withPlaceholders(text, this.#volatile),
      ])
    }
    return result
  }

  async #functions(): Promise<Result> {
    const listed = await this.#get('/admin/functions')
    const names = Array.isArray(listed)
      ? listed.map((fn: unknown) => (isRecord(fn) ? fn['name'] : undefined))
      : []
    const errors = this.#host.output().matchAll(/The '([^']*)' function is in error: (.*)/g)
    const inError = new Map([...errors].map(([, name = '', reason = '']) => [name, reason]))
    return { starts: true, functions: names.sort(), inError: Object.fromEntries(inError) }
  }

  async #request(request: RecordedRequest): Promise<Result> {
    const raw = isRaw(request)
    const { responses, connection } = await exchange(this.#host.port, this.#bytesOf(request), {
      methods: request.methods ?? [methodOf(request)],
      timeout: request.timeout ?? (raw ? RAW_TIMEOUT_MS : REQUEST_TIMEOUT_MS),
      ...(request.end === undefined ? {} : { end: request.end }),
    })
    const shown = responses.map((response) => this.#shown(response))
    const [only] = shown
    const result: Record<string, unknown> =
      shown.length > 1 ? { responses: shown } : only === undefined ? { noAnswer: true } : { ...only }
    if (raw || connection === 'open') result['connection'] = connection
    if (request.pick !== undefined) {
      const shape = shapeOf(responses[0]?.body.toString('utf8') ?? '', request.pick)
      if (shape !== undefined) {
        delete result['body']
        delete result['bodyLength']
        result['shape'] = shape
      }
    }
    return result
  }

  #bytesOf(request: RecordedRequest): Buffer[] {
    const fill = (text: string): string => repeated(text.replaceAll('<port>', String(this.#host.port)))
    if (request.raw64 !== undefined) return [Buffer.from(request.raw64, 'base64')]
    if (request.raw !== undefined) return [Buffer.from(fill(request.raw), 'latin1')]
    if (request.parts !== undefined) return request.parts.map((part) => Buffer.from(fill(part), 'latin1'))
    const { method = 'GET', path: target = '/', headers = [], body, body64 } = request
    const bytes =
      body64 !== undefined
        ? Buffer.from(body64, 'base64')
        : body !== undefined
          ? Buffer.from(repeated(body))
          : undefined
    const names = new Set(headers.map(([name]) => name.toLowerCase()))
    const lines = [`${method} ${repeated(target)} HTTP/1.1`]
    if (!names.has('host')) lines.push(`Host: 127.0.0.1:${this.#host.port}`)
    for (const [name, value] of headers) lines.push(`${name}: ${fill(value)}`)
    if (bytes !== undefined && !names.has('content-length') && !names.has('transfer-encoding'))
      lines.push(`Content-Length: ${bytes.length}`)
    if (!names.has('connection')) lines.push('Connection: close')
    return [Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes ?? Buffer.alloc(0)])]
  }

  #shown({ status, headers, body, framing }: WireResponse): Result {
    const names = [...new Set(headers.map(([name]) => name))].filter((name) => !NOT_COMPARED.has(name))
    const values = names.sort().map((name) => {
      const found = headers
        .filter(([other]) => other === name)
        .map(([, value]) => withPlaceholders(value, this.#volatile))
      return [name, found.length === 1 ? found[0] : found]
    })
    return {
      status,
      headers: Object.fromEntries(values) as unknown,
      ...(/cut off|broken/.test(framing) ? { broken: framing.replace(/length \d+/, 'length') } : {}),
      ...(body.length > LONG_BODY ? { bodyLength: body.length } : shownBytes(body, this.#volatile)),
      framing,
    }
  }

  /** What the app has noted, when it has noted so much or the time is up. */
  async #seen(count: number, wait = SEEN_WITHIN_MS, settle?: number): Promise<unknown> {
    if (count === 0) await sleep(settle ?? SETTLE_MS)
    const deadline = Date.now() + wait
    let seen = await this.#noted()
    while (seen.length < count && Date.now() < deadline) {
      await sleep(POLL_MS)
      seen = await this.#noted()
    }
    if (settle !== undefined && count > 0) {
      await sleep(settle)
      seen = await this.#noted()
    }
    return deepPlaceholders(seen, this.#volatile)
  }

  async #noted(): Promise<readonly unknown[]> {
    const list = await this.#get('/api/seen')
    return Array.isArray(list) ? (list as unknown[]) : []
  }

  /** Blob triggers are slow: all blobs of a run are put first, then all events are awaited together. */
  async #blobTriggers(cases: readonly RecordedCase[]): Promise<[RecordedCase, Result][]> {
    const putting = cases.flatMap((one) => (one.do.blob === undefined ? [] : [{ one, blob: one.do.blob }]))
    if (putting.length === 0) return []
    await this.#get('/api/clear')
    for (const { blob } of putting) await this.#storage.putBlob(blob)
    const expected = putting.filter(({ blob }) => blob.expect !== 0).length
    const deadline = Date.now() + BLOBS_WITHIN_MS
    let seen: readonly unknown[] = []
    let changedAt = Date.now()
    while (Date.now() < deadline) {
      const now = await this.#noted()
      if (now.length !== seen.length) changedAt = Date.now()
      seen = now
      if (new Set(seen.map(pathOf)).size >= expected && Date.now() - changedAt > BLOBS_QUIET_MS) break
      await sleep(4 * POLL_MS)
    }
    return putting.map(({ one, blob }) => {
      const mine = seen.filter((event) => pathOf(event) === `${blob.container}/${blob.name}`)
      return [one, { seen: deepPlaceholders(mine, this.#volatile) }]
    })
  }

  /** The JSON at a path; `undefined` when there is none. */
  async #get(target: string): Promise<unknown> {
    try {
      const headers = this.#key === undefined ? {} : { 'x-functions-key': this.#key }
      return await (await this.#host.fetch(target, { headers })).json()
    } catch {
      return undefined
    }
  }
}

function isRaw({ raw, raw64, parts }: RecordedRequest): boolean {
  return raw !== undefined || raw64 !== undefined || parts !== undefined
}

function methodOf({ method, raw, parts }: RecordedRequest): string {
  return method ?? (raw ?? parts?.[0])?.split(' ')[0] ?? 'GET'
}

/** `<x*3>` is `xxx`. */
function repeated(text: string): string {
  return text.replace(/<(.)\*(\d+)>/g, (_whole, char: string, count: string) => char.repeat(Number(count)))
}

function shapeOf(body: string, names: readonly string[]): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return undefined
  }
  const types = (value: unknown): unknown =>
    Object.fromEntries(names.map((name) => [name, kindOf(isRecord(value) ? value[name] : undefined)]))
  if (!Array.isArray(parsed)) return types(parsed)
  const listed = parsed.map((one: unknown) => (isRecord(one) ? one['name'] : undefined))
  return { names: listed.sort(), first: types(parsed[0]) }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'absent'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

const HOST_LINES =
  /^(?:Executing|Executed) '|^Trigger Details|^Host lock|^Worker process started|^[A-Z]+ \S+ (?:\d{3}|(?:\d{3} )?aborted) \d+ ms$/
// The host's report of what a handler threw, up to the end of its stack trace.
const FIRST_LINE_OF_FAILURE = 'System.Private.CoreLib: Exception while executing function: '
const LINE_OF_FAILURE = /^(?:Exception: |Stack: | +at )/

/** The lines that the app wrote, without those of the host. */
function appLog(output: string): string[] {
  const lines: string[] = []
  let inFailure = false
  for (const line of output.split('\n')) {
    const text = /^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] (.*)$/.exec(line)?.[1]
    if (text === undefined) {
      if (lines.length > 0 && line !== '') lines.push(`${lines.pop() ?? ''}\n${line}`)
      continue
    }
    inFailure = text.startsWith(FIRST_LINE_OF_FAILURE) || (inFailure && LINE_OF_FAILURE.test(text))
    if (!inFailure && !HOST_LINES.test(text)) lines.push(text)
  }
  return lines.map((line) => line.trimEnd())
}

function pathOf(event: unknown): unknown {
  return isRecord(event) ? event['path'] : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
