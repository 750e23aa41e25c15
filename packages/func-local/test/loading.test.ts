import { describe, expect, test } from '@jest/globals'
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import { answering, writeApp } from './harness/app.ts'
import { spawnHost, startHost } from './harness/host.ts'

const ESM = `import { app } from '@azure/functions'
app.http('hello', { handler: async () => ({ body: 'from a module' }) })
`
const require = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

// https://learn.microsoft.com/azure/azure-functions/functions-reference-node#registering-a-function
describe('loading the app', () => {
  test.each([
    ['CommonJS', { 'src/a.js': answering('hello', 'from a module') }],
    [
      'ES modules by package.json',
      { 'package.json': '{ "type": "module", "main": "src/*.js" }', 'src/a.js': ESM },
    ],
    ['an .mjs file', { 'package.json': '{ "main": "a.mjs" }', 'a.mjs': ESM }],
    [
      'a .cjs file in a module package',
      {
        'package.json': '{ "type": "module", "main": "a.cjs" }',
        'a.cjs': answering('hello', 'from a module'),
      },
    ],
    [
      'top-level await',
      {
        'package.json': '{ "type": "module", "main": "./a.js" }',
        'a.js': `await new Promise((r) => setTimeout(r, 10))\n${ESM}`,
      },
    ],
    [
      'the core module imported by name',
      {
        'package.json': '{ "type": "module", "main": "a.js" }',
        'a.js': `import core, { version, registerFunction } from '@azure/functions-core'\n${ESM.replace("'from a module'", "core.version === version && registerFunction ? 'from a module' : ''")}`,
      },
    ],
  ])('%s', async (_kind, files) => {
    const app = await writeApp(files)
    const host = await startHost(app.directory)
    expect(await (await host.fetch('/api/hello')).text()).toBe('from a module')
    await host.stop()
    await app.remove()
  })

  test.each(['cjs', 'esm'] as const)('a bundle with the library inside, as %s', async (format) => {
    const app = await writeApp({
      'package.json': `{ "type": "${format === 'esm' ? 'module' : 'commonjs'}", "main": "dist/main.js" }`,
    })
    await build({
      stdin: { contents: ESM, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
      bundle: true,
      platform: 'node',
      format,
      external: ['@azure/functions-core'],
      banner: { js: format === 'esm' ? require : '' },
      outfile: `${app.directory}/dist/main.js`,
    })
    const host = await startHost(app.directory)
    expect(await (await host.fetch('/api/hello')).text()).toBe('from a module')
    await host.stop()
    await app.remove()
  })

  test.each<[string, Record<string, string>, RegExp[]]>([
    [
      'throws',
      { 'src/a.js': "throw new Error('no database')" },
      [/unable to load entry point "src\/a\.js": no database/, /src\/a\.js:1/],
    ],
    [
      'lacks a module',
      { 'src/a.js': "require('./missing')" },
      [/"src\/a\.js": Cannot find module '.\/missing'/],
    ],
    ['has a syntax error', { 'src/a.js': 'const = 1' }, [/src\/a\.js:1/, /SyntaxError/]],
    [
      'imports a module with a syntax error',
      {
        'package.json': '{ "type": "module", "main": "src/a.js" }',
        'src/a.js': "import './b.js'",
        'src/b.js': '\n\nconst = 1',
      },
      [/src\/b\.js:3/, /SyntaxError/],
    ],
    [
      'is not built',
      { 'package.json': '{ "main": "dist/main.js" }' },
      [/"dist\/main\.js": File does not exist/],
    ],
    ['matches nothing', { 'package.json': '{ "main": "dist/*.js" }' }, [/"dist\/\*\.js": Found zero files/]],
    [
      'ends while loading',
      { 'src/a.js': 'process.exit(7)' },
      [/exited with code 7 while the app was loading/],
    ],
    [
      'registers a name twice',
      { 'src/a.js': answering('x', 'x'), 'src/b.js': answering('x', 'x') },
      [/"src\/b\.js": A function with id "x" has already been registered/],
    ],
  ])('an app that %s ends the start, and the message names the file', async (_what, files, patterns) => {
    const app = await writeApp(files)
    const host = await spawnHost(app.directory)
    expect(await host.exited).toBe(1)
    for (const pattern of patterns) expect(host.output()).toMatch(pattern)
    await app.remove()
  })

  test('what cannot run, or not by itself, is one line each and stops nothing else', async () => {
    const app = await writeApp({
      'src/a.js': `const { app, output, input } = require('@azure/functions')
app.http('good', { handler: async () => ({ body: 'good' }) })
app.serviceBusQueue('bus', { queueName: 'q', connection: 'c', handler: () => {} })
app.generic('strange', { trigger: { type: 'strangeTrigger', name: 't' }, handler: () => {} })
app.http('sqlOut', { return: output.http({}), extraOutputs: [output.sql({ commandText: 't', connectionStringSetting: 'c' })], handler: () => {} })
app.http('sqlIn', { extraInputs: [input.sql({ commandText: 't', commandType: 'Text', connectionStringSetting: 'c' })], handler: () => {} })
app.http('cosmosIn', { extraInputs: [input.cosmosDB({ databaseName: 'd', containerName: 'c', connection: 'c' })], handler: () => {} })
app.http('cosmosBoth', { extraInputs: [input.cosmosDB({ databaseName: 'd', containerName: 'c', connection: 'c', id: '1', sqlQuery: 'x' })], handler: () => {} })
app.http('queueIn', { extraInputs: [input.generic({ type: 'queue', queueName: 'x' })], handler: () => {} })
app.storageQueue('noConnection', { queueName: 'orders', connection: 'NotThere', handler: () => {} })
app.http('retrying', { retry: { strategy: 'fixedDelay', delayInterval: 1, maxRetryCount: 1 }, handler: async () => ({ body: 'x' }) })
`,
      'old/function.json': '{ "bindings": [] }',
      'host.json': '{ "version": "2.0", "unheardOf": 1, "extensions": { "http": { "routePrefiks": "x" } } }',
    })
    const host = await startHost(app.directory)
    const output = host.output()
    for (const line of [
      /'bus' is on call only: func-local does not listen to Service Bus\. .*func-local invoke bus$/,
      /'strange' is on call only: func-local does not listen to strangeTrigger\./,
      /Outputs of type sql \('sqlOut'\) are captured/,
      /Inputs of type cosmosDB \('cosmosIn', because 'c' is not set\), type sql \('sqlIn'\) are undefined here, .*--input cosmosDB=@file\.json$/,
      /'cosmosBoth' function is in error: Only one of 'id' and 'sqlQuery' of its cosmosDB input can be used\.$/,
      /'queueIn' function is in error: its input '\w+' has the type 'queue'/,
      /'noConnection' function is in error: .*'NotThere' does not exist/,
      /retry policy of function 'retrying' is ignored/,
      /'old' function is in error: it is a function\.json of the programming model v3/,
      /"unheardOf" is not a setting of the Functions host/,
      /"extensions\.http\.routePrefiks" is not a known setting/,
    ]) {
      expect(output.split('\n').filter((text) => line.test(text))).toHaveLength(1)
    }
    expect(await (await host.fetch('/api/good')).text()).toBe('good')
    await host.stop()
    await app.remove()
  })
})
