import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeApp } from './harness/app.ts'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { fixture, hostScript, onCoreTools, startHost, type TestHost } from './harness/host.ts'

const PATH = '/runtime/webhooks/mcp'

/** The official client, connected to a host. */
async function connect(host: TestHost, transport?: Transport): Promise<Client> {
  const client = new Client({ name: 'func-local test', version: '1.0.0' })
  await client.connect(transport ?? new StreamableHTTPClientTransport(new URL(host.url + PATH)))
  return client
}

// An app as https://github.com/Azure-Samples/remote-mcp-functions-typescript
;(onCoreTools ? describe.skip : describe)('an app with MCP triggers', () => {
  let azurite: Azurite
  let host: TestHost
  let client: Client

  beforeAll(async () => {
    azurite = await startAzurite()
    host = await startHost('mcp', {
      env: { AzureWebJobsStorage: azurite.connectionString, 'AzureWebJobs.off.Disabled': 'true' },
    })
    client = await connect(host)
  })
  afterAll(async () => {
    await client.close()
    await host.stop()
    await azurite.stop()
  })
  const call = (name: string, args?: Record<string, unknown>): Promise<unknown> =>
    client.callTool({ name, ...(args === undefined ? {} : { arguments: args }) })
  const text = (value: string): unknown => ({ content: [{ type: 'text', text: value }] })

  test('the start says where the server is, and that its functions fire', () => {
    const output = host.output()
    expect(output).toMatch(
      new RegExp(String.raw`Z\] MCP server endpoint: http://localhost:${host.port}${PATH}\n`),
    )
    expect(output).toMatch(
      new RegExp(String.raw`Z\] MCP server legacy SSE endpoint: http://localhost:${host.port}${PATH}/sse\n`),
    )
    expect(output).toContain('\thelloTool: mcpToolTrigger\n')
    expect(output).toContain('Function off is disabled.')
    expect(output).toContain(
      "MCP clients cannot use the function 'second': tool 'ECHO' is already registered by 'echoTool'. Rename one.",
    )
    expect(output).not.toContain('on call only')
  })

  test('the client gets what host.json says of the server, and a session', async () => {
    expect(client.getServerVersion()).toEqual({ name: 'Snippets', version: '2.1.0' })
    expect(client.getInstructions()).toBe('Save snippets, and get them back.')
    expect(await client.ping()).toEqual({})
    const { transport } = client
    expect(transport?.sessionId).toMatch(/^[0-9a-f]{32}\|[0-9A-F]{32}$/)
  })

  test('tools are listed as they are declared', async () => {
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).not.toContain('off')
    expect(tools.find(({ name }) => name === 'save_snippet')).toEqual({
      name: 'save_snippet',
      description: 'Saves a snippet.',
      inputSchema: {
        type: 'object',
        properties: {
          snippetname: { type: 'string', description: 'The name of the snippet.' },
          snippet: { type: 'string', description: 'The snippet.' },
        },
        required: ['snippetname', 'snippet'],
      },
    })
    expect(tools.find(({ name }) => name === 'echo')).toMatchObject({
      inputSchema: { required: [], properties: { tags: { type: 'array', items: { type: 'string' } } } },
      _meta: { ui: { resourceUri: 'ui://page' } },
    })
  })

  test('a snippet that was saved is got back: bindings name the arguments', async () => {
    expect(await call('hello_mcp', { name: 'Ada' })).toEqual(text('Hello Ada, I am MCP Tool!'))
    expect(await call('hello_mcp')).toEqual(text('Hello World, I am MCP Tool!'))
    expect(await call('get_snippets', { snippetname: 'one' })).toEqual(text('not found'))
    expect(await call('save_snippet', { snippetname: 'one', snippet: 'let a = 1' })).toEqual(
      text('let a = 1'),
    )
    expect(await call('get_snippets', { snippetname: 'one' })).toEqual(text('let a = 1'))
  })

  test('a handler gets the context of the call, and returns text, blocks or structure', async () => {
    const { content } = (await call('echo', { count: 3, tags: ['a'], done: true })) as {
      content: { text: string }[]
    }
    expect(JSON.parse(content[0]?.text ?? '')).toMatchObject({
      value: {
        name: 'echo',
        arguments: { count: 3, tags: ['a'], done: true },
        transport: { name: 'http-streamable' },
      },
      metadata: { mcptoolargs: { count: '3', tags: '["a"]', done: 'True' } },
    })
    expect(await call('blocks')).toEqual({
      content: [
        { type: 'text', text: 'A picture' },
        { type: 'image', data: 'AQID', mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'file://a', text: 'A' } },
      ],
    })
    expect(await call('structured', { id: 'seven' })).toEqual({
      ...(text('{"id":7}') as object),
      structuredContent: { id: 7 },
    })
    expect(await call('nothing')).toEqual({ content: [] })
  })

  test('errors are those of the real server', async () => {
    expect(await call('fails')).toEqual({
      isError: true,
      ...(text("An error occurred invoking 'fails'.") as object),
    })
    await host.printed('Exception: the reason is in the log')
    await expect(call('none')).rejects.toThrow("MCP error -32602: Unknown tool: 'none'")
    await expect(call('save_snippet', { snippetname: 'x' })).rejects.toThrow(
      'One or more required tool properties are missing values. Please provide: snippet',
    )
    expect(await call('bad_block')).toMatchObject({ isError: true })
    await host.printed("Function 'Functions.badBlock' failed: the value it returned has a content block")
    await expect(client.readResource({ uri: 'file://none' })).rejects.toThrow(
      "Unknown resource: 'file://none'",
    )
    await expect(client.readResource({ uri: 'file://broken' })).rejects.toThrow(
      'MCP error -32603: An error occurred.',
    )
  })

  test('resources and prompts are listed, read and got', async () => {
    expect((await client.listResources()).resources).toContainEqual({
      uri: 'file://readme.md',
      name: 'readme',
      title: 'Read me',
      description: 'What it is.',
      mimeType: 'text/markdown',
      size: 6,
      _meta: { author: 'Ada' },
    })
    expect((await client.listResourceTemplates()).resourceTemplates).toEqual([
      { uriTemplate: 'user://profile/{name}', name: 'profile', mimeType: 'text/plain' },
    ])
    const read = async (uri: string): Promise<unknown> => (await client.readResource({ uri })).contents
    expect(await read('file://readme.md')).toEqual([
      { uri: 'file://readme.md', mimeType: 'text/markdown', text: '# Read file://readme.md' },
    ])
    expect(await read('file://logo.png')).toEqual([
      { uri: 'file://logo.png', mimeType: 'image/png', blob: 'AQID' },
    ])
    expect(await read('user://profile/bob')).toEqual([
      { uri: 'user://profile/bob', mimeType: 'text/plain', text: 'user://profile/bob is bob' },
    ])
    expect((await client.listPrompts()).prompts).toMatchObject([
      { name: 'code_review', title: 'Code review' },
    ])
    expect(await client.getPrompt({ name: 'code_review', arguments: { code: 'x' } })).toEqual({
      messages: [{ role: 'user', content: { type: 'text', text: 'Review x (any style)' } }],
    })
    await expect(client.getPrompt({ name: 'code_review' })).rejects.toThrow(
      'One or more required prompt arguments are missing values. Please provide: code',
    )
  })

  test('clients of the transport before streamable HTTP get the same', async () => {
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the transport before streamable HTTP
    const old = await connect(host, new SSEClientTransport(new URL(`${host.url}${PATH}/sse`)))
    expect((await old.listTools()).tools).toEqual((await client.listTools()).tools)
    expect(await old.callTool({ name: 'hello_mcp', arguments: {} })).toEqual(
      text('Hello World, I am MCP Tool!'),
    )
    await old.close()
  })

  test('a tool is called by hand, too', async () => {
    const child = spawn(
      process.execPath,
      [hostScript(), 'invoke', 'helloTool', '{"name":"Bob"}', '--port', String(host.port), '--json'],
      {
        cwd: fixture('mcp'),
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')))
    await once(child, 'close')
    expect(JSON.parse(output)).toMatchObject({
      ok: true,
      result: { value: { type: 'text', content: '{"type":"text","text":"Hello Bob, I am MCP Tool!"}' } },
    })
  })
})

;(onCoreTools ? describe.skip : describe)('a reload of an app with MCP triggers', () => {
  const tool = (name: string): string => `const { app } = require('@azure/functions')
app.mcpTool('${name}', { toolName: '${name}', description: '${name}', toolProperties: {}, handler: () => '${name}' })
`

  test('clients get the tools of the last version that loads, in the same session', async () => {
    const app = await writeApp({ 'src/a.js': tool('first') })
    const host = await startHost(app.directory)
    const client = await connect(host)
    const names = async (): Promise<string[]> => (await client.listTools()).tools.map(({ name }) => name)
    expect(await names()).toEqual(['first'])
    let from = host.output().length
    await app.write({ 'src/a.js': tool('second') })
    await host.printed('Functions: second.', from)
    expect(await names()).toEqual(['second'])
    expect(await client.callTool({ name: 'second' })).toMatchObject({ content: [{ text: 'second' }] })
    from = host.output().length
    await app.write({ 'src/a.js': 'const broken = {' })
    await host.printed('the version that was running before goes on', from)
    expect(await names()).toEqual(['second'])
    expect(host.output().match(/MCP server endpoint/g)).toHaveLength(1)
    await client.close()
    await host.stop()
    await app.remove()
  })
})
