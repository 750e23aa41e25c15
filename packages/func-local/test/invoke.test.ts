import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { InvokeResult } from '../src/host/invoke-by-hand.ts'
import { settingsOf } from '../src/config/settings.ts'
import { parseInvoke } from '../src/invoke/arguments.ts'
import { runInvoke } from '../src/invoke/run-invoke.ts'
import { UsageError } from '../src/usage-error.ts'
import { INVOKE_PATH } from '../src/http/invoke-path.ts'
import { fixture, hostScript, onCoreTools, startHost, type TestHost } from './harness/host.ts'
import { freePort } from './harness/port.ts'

const SETTINGS = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  'AzureWebJobs.off.Disabled': 'true',
  'AzureWebJobs.offQueue.Disabled': 'true',
}

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** In this process, on a host that runs. */
async function invoke(args: readonly string[], input = ''): Promise<Ended> {
  let output = ''
  let errors = ''
  const command = parseInvoke(args)
  try {
    const code = await runInvoke(command, {
      appDirectory: fixture('on-call'),
      port: command.port ?? 0,
      settings: settingsOf(new Map()),
      stdin: Readable.from([Buffer.from(input)]),
      start: () => Promise.reject(new Error('A host runs already.')),
      write: (text) => (output += text),
      writeError: (text) => (errors += text),
    })
    return { code, output, errors }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { code: 1, output, errors: `${error.message}\n` }
  }
}

/** In a process of its own. */
async function spawnInvoke(args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [hostScript(), 'invoke', ...args], {
    cwd: fixture('on-call'),
    env: { ...process.env, NODE_OPTIONS: '', BUS: '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(input)
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString('utf8')))
  await once(child, 'close')
  return { code: child.exitCode, output, errors }
}

async function resultOf(args: readonly string[], input?: string): Promise<InvokeResult> {
  const { output, errors } = await invoke([...args, '--json'], input)
  try {
    return JSON.parse(output) as InvokeResult
  } catch {
    throw new Error(`No result: ${output}${errors}`)
  }
}

/** What the handler got, as it returned it. */
function echoOf({ result, error }: InvokeResult): { value: unknown; metadata: Record<string, unknown> } {
  if (result?.kind !== 'json') throw new Error(`No echo: ${JSON.stringify(error)}`)
  return result.value as { value: unknown; metadata: Record<string, unknown> }
}

;(onCoreTools ? describe.skip : describe)('func-local invoke on a running host', () => {
  let host: TestHost
  let port: string
  let folder: string

  beforeAll(async () => {
    host = await startHost('on-call', { env: SETTINGS })
    port = String(host.port)
    folder = await mkdtemp(path.join(tmpdir(), 'func-local-'))
  })
  afterAll(async () => {
    await host.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const call = (args: readonly string[], input?: string): Promise<InvokeResult> =>
    resultOf([...args, '--port', port], input)

  test('functions whose triggers cannot fire are listed as on call only', () => {
    expect(host.output()).toContain('\tbus: serviceBusTrigger (on call only)\n')
    expect(host.output()).toContain('\tstrange: strangeTrigger (on call only)\n')
    expect(host.output()).toContain('\tgrid: eventGridTrigger\n')
  })

  test('every function can be called with its sample, and its handler runs', async () => {
    const names =
      'bus busMany busBytes hubMany cosmos sql grid gridMany tool strange activity queue blob timer web'
    for (const name of names.split(' ')) {
      const { ok, error, invocationId } = await call([name])
      expect({ name, ok, error }).toEqual({ name, ok: true, error: undefined })
      expect(invocationId).toMatch(/^[0-9a-f-]{36}$/)
      await host.printed(`Executed 'Functions.${name}' (Succeeded, Id=${invocationId ?? ''}`)
    }
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger
  test.each([
    ['bus', '{"id":7}', { id: 7 }],
    ['bus', 'plain text', 'plain text'],
    ['busBytes', '{"id":7}', { buffer: Buffer.from('{"id":7}').toString('base64') }],
    ['busMany', '[{"id":7},"x"]', [{ id: 7 }, 'x']],
    ['busMany', 'one', ['one']],
    ['hubMany', '[1,2]', [1, 2]],
    ['cosmos', '{"id":"7"}', [{ id: '7' }]],
    ['sql', '{"Id":7}', [{ Operation: 0, Item: { Id: 7 } }]],
    ['sql', '[{"Operation":2,"Item":{"Id":7}}]', [{ Operation: 2, Item: { Id: 7 } }]],
    ['grid', '{"id":"7","data":{"a":1}}', { id: '7', data: { a: 1 } }],
    ['gridMany', '{"id":"7"}', [{ id: '7' }]],
    ['strange', '{"a":[1]}', { a: [1] }],
    ['activity', 'Tokyo', 'Tokyo'],
    ['queue', '{"id":7}', { id: 7 }],
    ['blob', 'text', { buffer: Buffer.from('text').toString('base64') }],
  ])('%s with %s: the handler gets the value that the real host gives', async (name, data, value) => {
    expect(echoOf(await call([name, data])).value).toEqual(value)
  })

  test('a tool gets its context, with the arguments', async () => {
    const { logs } = await call(['tool', '{"city":"Oslo"}'])
    expect(JSON.parse(logs[0]?.message ?? '')).toMatchObject({
      value: { name: 'weather', arguments: { city: 'Oslo' } },
      metadata: { mcptoolargs: { city: 'Oslo' } },
    })
  })

  test('the data can be a file or standard input; a blob has the name of the file', async () => {
    const file = path.join(folder, 'notes.txt')
    await writeFile(file, Buffer.from([0xff, 0xfe]))
    const { value, metadata } = echoOf(await call(['blob', `@${file}`, '--blob', 'files/a/b.txt']))
    expect(value).toEqual({ buffer: '//4=' })
    expect(metadata).toMatchObject({ blobTrigger: 'files/a/b.txt', folder: 'a', name: 'b' })
    expect(echoOf(await call(['queue', '-'], '{"id":8}')).value).toEqual({ id: 8 })
    const { code, errors } = await invoke(['queue', '@none.json', '--port', port])
    expect({ code, errors }).toEqual({ code: 1, errors: "The file 'none.json' cannot be read (ENOENT).\n" })
  })

  test('a timer is the one that is due, or the data', async () => {
    const own = await call(['timer'])
    expect(own.result).toMatchObject({ value: { timer: { isPastDue: false } } })
    const given = await call(['timer', '{"isPastDue":true}'])
    expect(given.result).toMatchObject({
      value: { timer: { isPastDue: true, schedule: { adjustForDST: true } } },
    })
  })

  test('an HTTP function gets the described request; the response, its outputs and its log are the result', async () => {
    const described = { params: { id: 7 }, query: { a: 'b c' }, body: { k: 1 } }
    const args = ['web', JSON.stringify(described), '--input', 'sql={"x":1}']
    const { response, outputs, logs, ok } = await call(args)
    expect(response).toMatchObject({
      status: 201,
      headers: { 'x-method': 'POST', 'x-query': 'b c' },
      body: { kind: 'json', value: { k: 1 } },
    })
    expect(outputs).toEqual([
      { name: 'sent', type: 'serviceBus', value: { kind: 'json', value: { id: '7' } }, isWritten: false },
      { name: 'picture', type: 'picture', value: { kind: 'bytes', base64: 'AP8B' }, isWritten: false },
    ])
    expect(logs).toEqual([{ level: 'warning', message: 'the document is {"x":1}' }])
    expect(ok).toBe(true)
    await host.printed(
      'Output \'sent\' (serviceBus) of \'Functions.web\' is captured, not written: 10 bytes: {"id":"7"}',
    )
    await host.printed(
      "Output 'picture' (picture) of 'Functions.web' is captured, not written: 3 bytes, hexadecimal: 00ff01",
    )
  })

  test('other data is the body', async () => {
    const { response } = await call(['web', 'hello'])
    expect(response).toMatchObject({
      headers: { 'x-method': 'POST' },
      body: { kind: 'text', value: 'hello' },
    })
  })

  test('a failure exits with 1 and shows the error; a retry policy does not repeat a call by hand', async () => {
    const { code, output } = await invoke(['retries', '--port', port])
    expect(code).toBe(1)
    expect(output).toMatch(/^Function 'retries' failed in \d+ ms\.\n\nError:\n {2}Error: attempt 1\n/)
    const again = await call(['retries'])
    expect(again.error?.message).toBe('attempt 2')
    const web = await invoke(['fails', '--port', port])
    expect(web.code).toBe(1)
    expect(web.output).toContain('Error: no way')
    expect(web.output).toContain('Response:\n  500\n')
  })

  test.each([
    [['nope'], /There is no function 'nope'/],
    [['timr'], /There is no function 'timr'\. Did you mean 'timer'\?/],
    [['cosmos', '{bad'], /its data must be a document or an array of documents, as JSON/],
    [
      ['web', '{"params":{"id":"x"}}'],
      /its route api\/web\/\{id:int\} needs values that fit: \{"params": \{"id": "…"\}\}/,
    ],
    [['bus', 'x', '--blob', 'a/b'], /it has no blob trigger, so no blob can be named/],
    [['off'], /it is disabled \(AzureWebJobs\.off\.Disabled\), and takes no requests/],
    [['web', '1', '--input', 'none=1'], /has no input 'none'; its inputs: sqlInput\w+ \(sql\)/],
  ])('%j cannot be called, and why', async (args, reason) => {
    const { code, errors } = await invoke([...args, '--port', port])
    expect(code).toBe(1)
    expect(errors).toMatch(reason)
    expect(errors.split('\n')).toHaveLength(2)
  })

  // https://learn.microsoft.com/azure/azure-functions/disable-function#considerations
  test('a disabled function can be called, as in Azure', async () => {
    expect(await call(['offQueue', 'x'])).toMatchObject({ ok: true, functionName: 'offQueue' })
  })

  test('--sample prints the data that a call without data takes', async () => {
    expect(await invoke(['tool', '--sample', '--port', port])).toMatchObject({
      code: 0,
      output: '{"city":"sample"}\n',
    })
    expect((await invoke(['web', '--sample', '--port', port])).output).toBe(
      '{"method":"GET","params":{"id":"1"}}\n',
    )
  })

  test('pages of other sites cannot call functions, and another app is not meant', async () => {
    const body = JSON.stringify({ appDirectory: '/elsewhere', functionName: 'bus' })
    const post = (headers: Record<string, string>): Promise<Response> =>
      host.fetch(INVOKE_PATH, { method: 'POST', body, headers })
    expect((await post({ 'content-type': 'application/json', origin: 'http://evil.example' })).status).toBe(
      403,
    )
    expect((await post({ 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post({ 'content-type': 'application/json' })).status).toBe(409)
    const wrong = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }
    expect((await host.fetch(INVOKE_PATH, wrong)).status).toBe(400)
  })
})

;(onCoreTools ? describe.skip : describe)('func-local invoke without a running host', () => {
  test('starts one that listens to nothing, and ends it', async () => {
    const port = String(await freePort())
    const { code, output, errors } = await spawnInvoke(['bus', '-', '--port', port], '{"id":7}')
    expect({ code, errors }).toEqual({ code: 0, errors: '' })
    expect(output).toMatch(/^Function 'bus' succeeded in \d+ ms\.\n/)
    expect(output).toContain('"id": 7')
  })

  test('a host that asks for a key is told the key', async () => {
    const host = await startHost('on-call', {
      args: ['--enableAuth'],
      env: { ...SETTINGS, FUNC_LOCAL_KEY: 'secret-key' },
    })
    const port = String(host.port)
    const refused = await spawnInvoke(['bus', '--port', port])
    expect(refused).toMatchObject({ code: 1, output: '' })
    expect(refused.errors).toMatch(/asks for a key\. Give it with --key/)
    expect((await invoke(['bus', '--port', port, '--key', 'secret-key'])).code).toBe(0)
    // An HTTP function is called without its key: the caller has the host's.
    expect((await invoke(['web', '--port', port, '--key', 'secret-key'])).output).toContain(
      'Response:\n  201\n',
    )
    await host.stop()
  })
})
