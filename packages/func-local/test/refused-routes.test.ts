import { afterAll, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeApp, type TestApp } from './harness/app.ts'
import { onCoreTools, spawnHost, startHost } from './harness/host.ts'

// What the real host refuses is refused, in the same of two ways: it does not start, or the function is in error. Which
// routes it refuses is in route.test.ts.

const apps: TestApp[] = []
afterAll(() => Promise.all(apps.map((app) => app.remove())))

/** An app of HTTP functions: name, route, methods. */
async function appOf(
  functions: readonly (readonly [name: string, route?: string, methods?: readonly string[]])[],
): Promise<TestApp> {
  const app = await writeApp({ 'src/index.js': sourceOf(functions) })
  apps.push(app)
  return app
}

function sourceOf(functions: readonly (readonly [string, string?, (readonly string[])?])[]): string {
  const calls = functions.map(([name, route, methods]) => {
    const options = { authLevel: 'anonymous', route, methods }
    return `app.http(${JSON.stringify(name)}, { ...${JSON.stringify(options)}, handler: (r, c) => ({ body: c.functionName }) })`
  })
  return `const { app } = require('@azure/functions')\n${calls.join('\n')}\n`
}

;(onCoreTools ? describe.skip : describe)('routes that the real host does not start with', () => {
  test('the host ends with code 1, one line for each, and no stack', async () => {
    const app = await appOf([['fine'], ['one', 'two/{a}{b}'], ['other', '/users']])
    const host = await spawnHost(app.directory)
    expect(await host.exited).toBe(1)
    const lines = host.output().trimEnd().split('\n').slice(1)
    expect(lines).toEqual([
      expect.stringMatching(/^Function 'one': its route 'two\/\{a\}\{b\}' .*side by side.* does not start/),
      expect.stringMatching(
        /^Function 'other': its route '\/users' .*'api\/\/users'.*two slashes.* does not start/,
      ),
    ])
  })

  test('so it is with a route prefix that is none', async () => {
    const app = await appOf([['fine']])
    const env = { AzureFunctionsJobHost__extensions__http__routePrefix: '/x/' }
    const host = await spawnHost(app.directory, { env })
    expect(await host.exited).toBe(1)
    expect(host.output()).toContain("Function 'fine': its route 'fine' (with the route prefix: '/x//fine')")
  })

  test('names that differ only in case: the host ends with code 1 and one line', async () => {
    const host = await spawnHost((await appOf([['twin'], ['Twin', 'other']])).directory)
    expect(await host.exited).toBe(1)
    expect(host.output()).toContain("Functions 'Twin' and 'twin': their names differ only in case")
  })

  test('on a reload the last good version goes on', async () => {
    const app = await appOf([['one', 'first']])
    const host = await startHost(app.directory)
    // The watch on the files begins after the start.
    await sleep(1000)
    const from = host.output().length
    await app.write({ 'src/index.js': sourceOf([['one', 'second/{a}{b}']]) })
    await host.printed("Function 'one': its route 'second/{a}{b}'", from)
    await host.printed('goes on. Correct it and save.', from)
    const lines = host.output().slice(from).trimEnd().split('\n')
    expect(lines).toEqual([expect.stringContaining("Function 'one': its route 'second/{a}{b}'")])
    expect(await (await host.fetch('/api/first')).text()).toBe('one')
    const repaired = host.output().length
    await app.write({ 'src/index.js': sourceOf([['one', 'third']]) })
    await host.printed('Worker process started', repaired)
    expect(await (await host.fetch('/api/third')).text()).toBe('one')
    await host.stop()
  })
})

;(onCoreTools ? describe.skip : describe)('functions in error while the others run', () => {
  test('of two with the same route and a method in common the later by name is in error, wholly', async () => {
    const app = await appOf([
      ['a1', 'same', ['GET']],
      ['a2', 'SAME/', ['GET', 'PUT']],
      ['a3', 'same', ['POST']],
      ['byName'],
      ['viaRoute', 'BYNAME', ['DELETE', 'GET']],
      ['x1', 'x/{id}', ['GET']],
      ['x2', 'x/{name}', ['GET']],
    ])
    const host = await startHost(app.directory)
    const inError = [...host.output().matchAll(/The '(\w+)' function is in error: (.*)/g)]
    expect(inError.map(([, name]) => name)).toEqual(['a2', 'viaRoute'])
    expect(inError[0]?.[2]).toContain("conflicts with the route of the function 'a1'")
    const bodyOf = async (path: string, method: string): Promise<[number, string]> => {
      const response = await host.fetch(path, { method })
      return [response.status, await response.text()]
    }
    expect(await bodyOf('/api/same', 'GET')).toEqual([200, 'a1'])
    expect(await bodyOf('/api/same', 'PUT')).toEqual([404, ''])
    expect(await bodyOf('/api/same', 'POST')).toEqual([200, 'a3'])
    expect(await bodyOf('/api/byName', 'DELETE')).toEqual([404, ''])
    expect(await bodyOf('/api/x/1', 'GET')).toEqual([200, 'x1'])
    await host.stop()
  })

  test('names and routes that begin with words of the host, the name host, and methods that Node.js has not', async () => {
    const app = await appOf([
      ['adminGetUsers'],
      ['Administrators'],
      ['Host'],
      ['fine', 'users/admin'],
      ['x1', 'admin-panel/{id}'],
      ['x2', 'RuntimeInfo'],
      ['x3', 'odd', ['GET', 'X-OWN']],
    ])
    const host = await startHost(app.directory)
    const inError = [...host.output().matchAll(/The '([^']+)' function is in error/g)].map(([, name]) => name)
    expect(inError).toEqual(['Administrators', 'Host', 'adminGetUsers', 'x1', 'x2', 'x3'])
    for (const path of ['adminGetUsers', 'Administrators', 'host', 'admin-panel/1', 'runtimeinfo', 'odd'])
      expect((await host.fetch(`/api/${path}`)).status).toBe(404)
    expect((await host.fetch('/api/users/admin')).status).toBe(200)
    await host.stop()
  })
})
