import { expect, test } from '@jest/globals'
import { localUrlHost, urlHost } from '../src/http/local-address.ts'

test.each([
  ['127.0.0.1', 'localhost'],
  ['127.0.0.2', '127.0.0.2'],
  ['0.0.0.0', '0.0.0.0'],
  ['::1', '[::1]'],
  ['my-machine', 'my-machine'],
])('%s is %s in a URL', (address, expected) => {
  expect(urlHost(address)).toBe(expected)
})

test.each([
  ['127.0.0.1', '127.0.0.1', 'localhost'],
  ['localhost', '::1', 'localhost'],
  ['::1', '::1', '[::1]'],
  ['127.0.0.2', '127.0.0.2', '127.0.0.2'],
  ['0.0.0.0', '0.0.0.0', 'localhost'],
  ['0', '0.0.0.0', 'localhost'],
  ['::', '::', 'localhost'],
  ['my-machine', '127.0.1.1', 'my-machine'],
  ['my-machine.example', '127.0.1.1', '127.0.1.1'],
  ['my-machine', '192.0.2.1', undefined],
  ['192.0.2.1', '192.0.2.1', undefined],
  ['2001:db8::1', '2001:db8::1', undefined],
])('%s, which is %s, is reached from this machine as %s', (address, bound, expected) => {
  expect(localUrlHost(address, bound)).toBe(expected)
})
