import { describe, expect, test } from '@jest/globals'
import { requestByHand, sampleRequest } from '../src/http/request-by-hand.ts'
import { compileRoute } from '../src/http/route-match.ts'
import type { HttpEndpoint } from '../src/registry.ts'

function endpoint(template: string, methods: readonly string[] | undefined = ['GET', 'POST']): HttpEndpoint {
  return {
    methods,
    template,
    route: template,
    authLevel: 'anonymous',
    match: compileRoute(template).match,
    handle: () => Promise.reject(new Error('not here')),
  }
}

const request = (template: string, data: unknown, methods?: readonly string[]): unknown => {
  const text = typeof data === 'string' ? data : JSON.stringify(data)
  const { body, ...rest } = requestByHand(endpoint(template, methods), Buffer.from(text))
  return { ...rest, body: body.toString() }
}

describe('the HTTP request of a call by hand', () => {
  test.each<[string, unknown, unknown]>([
    ['api/a', '', { method: 'GET', path: '/api/a', headers: {}, body: '' }],
    ['api/a', 'text', { method: 'POST', path: '/api/a', headers: {}, body: 'text' }],
    [
      'api/a',
      { x: 1 },
      { method: 'POST', path: '/api/a', headers: { 'content-type': 'application/json' }, body: '{"x":1}' },
    ],
    [
      'api/a',
      {},
      { method: 'POST', path: '/api/a', headers: { 'content-type': 'application/json' }, body: '{}' },
    ],
    [
      'api/a',
      { body: 'x', other: 1 },
      {
        method: 'POST',
        path: '/api/a',
        headers: { 'content-type': 'application/json' },
        body: '{"body":"x","other":1}',
      },
    ],
    ['api/a', { method: 'post' }, { method: 'POST', path: '/api/a', headers: {}, body: '' }],
    [
      'api/a',
      { query: { a: 'b c', n: 1, t: true } },
      { method: 'GET', path: '/api/a?a=b+c&n=1&t=true', headers: {}, body: '' },
    ],
    [
      'api/a',
      { query: { a: ['1', 2], b: 'x', c: [] }, headers: { 'X-Who': ['me', 'you'], 'x-who': 'all', y: [] } },
      { method: 'GET', path: '/api/a?a=1&a=2&b=x', headers: { 'x-who': 'me,you,all' }, body: '' },
    ],
    [
      'api/a',
      { headers: { 'Content-Type': 'text/x' }, body: { a: 1 } },
      { method: 'POST', path: '/api/a', headers: { 'content-type': 'text/x' }, body: '{"a":1}' },
    ],
    [
      'api/{id}',
      { params: { ID: 'a/b c' } },
      { method: 'GET', path: '/api/a%2Fb%20c', headers: {}, body: '' },
    ],
    [
      'api/{*rest}',
      { params: { rest: 'a/b c' } },
      { method: 'GET', path: '/api/a/b%20c', headers: {}, body: '' },
    ],
    [
      'api/{a}/x/{b?}',
      { params: { a: 1, b: 2 } },
      { method: 'GET', path: '/api/1/x/2', headers: {}, body: '' },
    ],
    [
      'api/{n}.{ext?}',
      { params: { ext: 'txt' } },
      { method: 'GET', path: '/api/sample.txt', headers: {}, body: '' },
    ],
    ['api/{n}.{ext?}', '', { method: 'GET', path: '/api/sample', headers: {}, body: '' }],
  ])('%s with %j', (template, data, expected) => {
    expect(request(template, data)).toEqual(expected)
  })

  test.each([
    ['api/{id:int}', '/api/1'],
    ['api/{id:guid}', '/api/00000000-0000-0000-0000-000000000001'],
    ['api/{id:bool}/{when:datetime}', '/api/true/2026-01-01'],
    ['api/{name}/{n?}', '/api/sample'],
    ['api/{name=x}', '/api'],
    ['{*rest}', '/'],
  ])('%s is filled with values that fit: %s', (template, path) => {
    expect(request(template, '')).toMatchObject({ path })
  })

  test.each<[string, unknown, RegExp]>([
    [
      'api/{id:int}',
      { params: { id: 'x' } },
      /its route api\/\{id:int\} needs values that fit: \{"params": \{"id": "…"\}\}/,
    ],
    ['api/{id:length(40)}', '', /needs values that fit/],
    ['api/a', { query: 'x' }, /"query" of its request must be an object of texts/],
    ['api/a', { headers: { a: {} } }, /"headers\.a" of its request must be a text, or an array of texts/],
    ['api/a', { query: { a: [['x']] } }, /"query\.a" of its request must be a text, or an array of texts/],
    ['api/{id}', { params: { id: ['x'] } }, /"params\.id" of its request must be a text\.$/],
  ])('%s with %j is refused', (template, data, reason) => {
    expect(() => request(template, data)).toThrow(reason)
  })

  test('the method is one that the function takes', () => {
    expect(request('api/a', '', ['POST'])).toMatchObject({ method: 'POST' })
    expect(request('api/a', 'x', ['DELETE', 'PATCH'])).toMatchObject({ method: 'PATCH' })
    expect(request('api/a', 'x', [])).toMatchObject({ method: 'GET' })
  })

  test('the sample has what the route and the method need', () => {
    expect(sampleRequest(endpoint('api/{id:int}/{x?}', ['POST']))).toEqual({
      method: 'POST',
      params: { id: '1' },
      body: { name: 'sample' },
    })
    expect(sampleRequest({ ...endpoint('api/a'), methods: undefined })).toEqual({ method: 'GET' })
  })
})
