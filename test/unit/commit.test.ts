import { afterEach, expect, jest, test } from '@jest/globals'
import { HttpRequest, InvocationContext } from '@azure/functions'
import * as esbuild from 'esbuild'
import { bundleOptions } from '../../scripts/build.ts'
import { helloHandler } from '../../src/functions/hello.ts'
import { createService } from '../../src/orders/service.ts'
import { memoryStorage } from '../../src/storage/memory.ts'

afterEach(() => {
  delete process.env['ORDERS_COMMIT']
})

const COMMIT = '0123456789abcdef0123456789abcdef01234567'

async function helloBundle(): Promise<string> {
  const { outputFiles } = await esbuild.build({
    ...bundleOptions('release'),
    entryPoints: ['src/functions/hello.ts'],
    external: ['@azure/functions'],
    write: false,
  })
  return outputFiles.map(({ text }) => text).join('')
}

test('a build that is told its commit has it in the response header of hello', async () => {
  process.env['ORDERS_COMMIT'] = COMMIT
  const text = await helloBundle()
  expect(text).toContain(COMMIT)
  expect(text).toContain('orders-commit')
})

test('a build that is told none sends no such header', async () => {
  const handler = helloHandler(
    createService({ ...memoryStorage(), now: () => new Date(), newId: () => 'a1' }),
  )
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/hello' })
  expect(await handler(request, new InvocationContext())).toStrictEqual({
    jsonBody: 'Hello from Azure Functions!',
  })
})

test('the handler of such a build sends it', async () => {
  const defined = globalThis as { ORDERS_COMMIT?: string }
  defined.ORDERS_COMMIT = COMMIT
  try {
    jest.resetModules()
    const { helloHandler: built } = await import('../../src/functions/hello.ts')
    const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/hello' })
    expect(await built({ greet: () => 'Hello' })(request, new InvocationContext())).toStrictEqual({
      jsonBody: 'Hello',
      headers: { 'orders-commit': COMMIT },
    })
  } finally {
    delete defined.ORDERS_COMMIT
  }
})

test('a commit that is none fails the build', () => {
  process.env['ORDERS_COMMIT'] = 'main'
  expect(() => bundleOptions('release')).toThrow('ORDERS_COMMIT')
})
