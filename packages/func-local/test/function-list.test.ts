import { describe, expect, test } from '@jest/globals'
import { printFunctions, whyNoFunctions } from '../src/host/function-list.ts'
import type { FunctionNames, Generation, LoadedFunction } from '../src/host/generation.ts'
import type { HttpEndpoint } from '../src/registry.ts'
import { createFakeLog } from './harness/fake-log.ts'
import { fakeWorker } from './harness/fake-worker.ts'
import { fakeByHand, fakeFunction } from './harness/services.ts'

function loaded(
  name: string,
  {
    disabled = false,
    endpoint,
    type = 'queueTrigger',
  }: { disabled?: boolean; endpoint?: Partial<HttpEndpoint>; type?: string } = {},
): LoadedFunction {
  return {
    definition: fakeFunction({ type }, { name }),
    disabled,
    listener: {
      start: () => undefined,
      stop: () => Promise.resolve(),
      byHand: fakeByHand,
      ...(endpoint === undefined
        ? {}
        : { endpoint: { methods: undefined, route: '', ...endpoint } as HttpEndpoint }),
    },
    invoke: () => Promise.reject(new Error('not here')),
    invokeOnce: () => Promise.reject(new Error('not here')),
  }
}

function generation(
  functions: readonly LoadedFunction[],
  changes: Partial<Generation> & { registered?: readonly string[]; files?: readonly string[] } = {},
): Generation {
  const { registered = [], files = [], ...others } = changes
  return {
    worker: fakeWorker({
      files,
      functions: registered.map((name) => ({ functionId: name, name, bindings: {} })),
    }),
    functions,
    refusals: [],
    problems: [],
    only: undefined,
    unknownNames: [],
    unfinished: () => [],
    start: () => undefined,
    drain: () => Promise.resolve(),
    ...others,
  }
}

describe('the list of functions', () => {
  const printed = (functions: readonly LoadedFunction[]): [string, string | undefined][] => {
    const lines: [string, string | undefined][] = []
    const log = {
      ...createFakeLog(),
      plain: (text: string, colour?: string) => void lines.push([text, colour]),
    }
    printFunctions(log, generation(functions), 'http://localhost:7071')
    return lines
  }

  test('names HTTP functions first, with methods and URL, then the others with their trigger, then what is disabled', () => {
    expect(
      printed([
        loaded('queued'),
        loaded('off', { disabled: true, endpoint: { route: 'api/off' } }),
        loaded('order', { endpoint: { methods: ['GET', 'POST'], route: 'api/order/{id}' } }),
        loaded('any', { endpoint: { methods: undefined, route: 'api/any' } }),
        loaded('none', { endpoint: { methods: [], route: 'api/none' } }),
      ]),
    ).toEqual([
      ['', undefined],
      ['Functions:', 'yellow'],
      ['', undefined],
      ['\torder: [GET,POST] http://localhost:7071/api/order/{id}', 'green'],
      ['', undefined],
      ['\tany: http://localhost:7071/api/any', 'green'],
      ['', undefined],
      ['\tnone: http://localhost:7071/api/none', 'green'],
      ['', undefined],
      ['\tqueued: queueTrigger', 'green'],
      ['', undefined],
      ['Function off is disabled.', 'yellow'],
    ])
  })

  test('is not there when everything is disabled', () => {
    expect(printed([loaded('off', { disabled: true })])).toEqual([['Function off is disabled.', 'yellow']])
    expect(printed([])).toEqual([])
  })
})

describe('why there is nothing to run', () => {
  const only = (...names: string[]): FunctionNames => ({ names, source: '--functions' })
  const NONE = 'No job functions found. '

  test('is not said when one function runs', () => {
    expect(whyNoFunctions(generation([loaded('a'), loaded('b', { disabled: true })]), false)).toBeUndefined()
  })

  test.each<[string, Generation, boolean, string]>([
    [
      'all are disabled',
      generation([loaded('a', { disabled: true })], { registered: ['a'] }),
      true,
      'All functions of the app are disabled (AzureWebJobs.<name>.Disabled).',
    ],
    [
      'none was asked for',
      generation([], { registered: ['a', 'b'], only: only('x', 'y'), unknownNames: ['x', 'y'] }),
      false,
      '--functions leaves out every function of the app (a, b).',
    ],
    [
      'what was asked for is in error',
      generation([], { registered: ['a', 'b'], only: only('a', 'y'), unknownNames: ['y'] }),
      true,
      'Every function of the app is in error; the lines above say why.',
    ],
    [
      'all are in error',
      generation([], { registered: ['a'] }),
      true,
      'Every function of the app is in error; the lines above say why.',
    ],
    [
      'the app is of the old model',
      generation([], { files: ['a.js'] }),
      true,
      'The app has only functions of the programming model v3 (function.json); func-local runs v4.',
    ],
    [
      'nothing was loaded',
      generation([]),
      false,
      '"main" in package.json is missing, so nothing was loaded. Set it to the files that register functions, "src/functions/*.js" for example.',
    ],
    [
      'nothing was registered',
      generation([], { files: ['a.js', 'b.js', 'c.js'] }),
      false,
      '"main" in package.json loads a.js, b.js, c.js, and none of it registers a function with app.http, app.storageQueue, … of @azure/functions 4.',
    ],
    [
      'nothing was registered by many files',
      generation([], { files: ['a.js', 'b.js', 'c.js', 'd.js', 'e.js'] }),
      false,
      '"main" in package.json loads a.js, b.js, c.js and 2 more, and none of it registers a function with app.http, app.storageQueue, … of @azure/functions 4.',
    ],
  ])('%s', (_what, given, hasOld, reason) => {
    expect(whyNoFunctions(given, hasOld)).toBe(NONE + reason)
  })
})
