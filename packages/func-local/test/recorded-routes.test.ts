import { describe, expect, test } from '@jest/globals'
import { BadTargetError, parseTarget } from '../src/http/request-target.ts'
import { compileRoute } from '../src/http/route-match.ts'
import { RouteTemplateError } from '../src/http/route-template.ts'
import { runsOf, type RecordedCase } from './oracle/recording.ts'
import { httpFunctionsOf, type RegisteredFunction } from './oracle/registrations.ts'

// What the real host did with paths and route templates, asked of the router alone.

type Found = 'bad request' | 'not found' | { readonly fn: string; readonly params: Record<string, string> }

function route(functions: readonly RegisteredFunction[], method: string, target: string): Found {
  try {
    const { path } = parseTarget(target)
    for (const { name, route: own, methods } of functions.filter((one) => canBegin(one, path))) {
      const params = compileRoute(`api/${own}`).match(path)
      if (params !== undefined && methods.includes(method))
        return { fn: name, params: Object.fromEntries(params) }
    }
    return 'not found'
  } catch (error) {
    if (error instanceof BadTargetError) return 'bad request'
    throw error
  }
}

/** Whether a route may match by its first segment: few routes are compiled for each request. */
function canBegin({ route: own }: RegisteredFunction, path: string): boolean {
  const [first = ''] = own.split('/')
  return /[{%~]/.test(first) || path.toLowerCase().includes(first.toLowerCase())
}

function recorded({ real }: RecordedCase): Found | undefined {
  if (real['status'] === 400) return 'bad request'
  if (real['status'] === 404) return 'not found'
  return typeof real['body'] === 'string' && real['body'].startsWith('{')
    ? (JSON.parse(real['body']) as Found)
    : undefined
}

/** Node.js gives the bytes of a request line one character each. */
function asSent(path: string): string {
  return Buffer.from(path, 'utf8').toString('latin1')
}

const runs = ['routing', 'templates'].flatMap(runsOf)
const requests = runs.flatMap(({ app, variant, cases }) =>
  cases.flatMap((one) => {
    const expected = recorded(one)
    const { method = 'GET', path } = one.do
    if (path === undefined || expected === undefined) return []
    const [template = ''] = Object.values(variant.env ?? {})
    return [{ app, env: variant.env, template, method, path, expected }]
  }),
)
const starts = runs.flatMap(({ variant, cases }) =>
  cases.flatMap(({ do: { start }, real }) =>
    start === true ? [{ template: variant.env?.['ROUTE'] ?? '', starts: real['starts'] }] : [],
  ),
)

describe('as the real host was recorded', () => {
  test.each(requests)('$app $template: $method $path', ({ app, env, method, path, expected }) => {
    const usable = httpFunctionsOf(app, env).filter(({ route: own }) => !/^(?:admin|runtime)/i.test(own))
    expect(route(usable, method, asSent(path))).toEqual(expected)
  })

  test.each(starts)('a host with the route $template starts: $starts', ({ template, starts: expected }) => {
    const compile = (): unknown => compileRoute(`api/${template}`)
    if (expected === true) expect(compile).not.toThrow()
    else expect(compile).toThrow(RouteTemplateError)
  })
})
