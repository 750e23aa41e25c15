import { describe, expect, it } from '@jest/globals'
import host from '../../../host.json' with { type: 'json' }
import { maxDequeueCount } from '../../../src/functions/maxDequeueCount.ts'

describe('the last delivery', () => {
  const name = 'AzureFunctionsJobHost__extensions__queues__maxDequeueCount'

  // test/e2e/hostSettings.test.ts holds the same against a host.
  it('is the one that host.json says, in any case, or the default', () => {
    expect(maxDequeueCount({})).toBe(host.extensions.queues.maxDequeueCount)
    expect(maxDequeueCount({}, { Extensions: { QUEUES: { maxdequeuecount: 7 } } })).toBe(7)
    expect(maxDequeueCount({}, { extensions: { queues: { maxDequeueCount: '7' } } })).toBe(7)
    for (const hostJson of [null, {}, { extensions: null }, { extensions: { queues: {} } }, []]) {
      expect(maxDequeueCount({}, hostJson)).toBe(5)
    }
  })

  it.each([
    name,
    name.replaceAll('__', ':'),
    name.replace('__', ':'),
    name.toUpperCase(),
    name.toLowerCase(),
  ])('is the one that the environment says: %s', (spelling) => {
    expect(maxDequeueCount({ [spelling]: '3' })).toBe(3)
    expect(maxDequeueCount({ [spelling]: ' 30 ' })).toBe(30)
    expect(maxDequeueCount({ [spelling]: '0x1e' })).toBe(30)
  })

  it.each([
    ['+3', 3],
    ['007', 7],
    ['#1e', 30],
    ['&H1E', 30],
    ['0xffffffff', 0xffffffff],
  ])('may be written in every way that .NET reads: %s', (value, expected) => {
    expect(maxDequeueCount({ [name]: value })).toBe(expected)
  })

  it.each([
    ...['', 'many', '0', '-1', '1.5', '3 4', 'a3', '3a', '++3', '+'],
    ...['0x', '0x1g', 'a0x1', '0x1 2', '0x100000000'],
  ])('is not one that the host refuses to start with: %j', (value) => {
    expect(maxDequeueCount({ [name]: value })).toBe(10)
    expect(maxDequeueCount({ [name]: value, [name.toUpperCase()]: '4' })).toBe(4)
  })

  it.each([null, true, [7], 7.5, -7, '7.5'])(
    'is the default where host.json has %j',
    (maxDequeueCountThere) => {
      expect(maxDequeueCount({}, { extensions: { queues: { maxDequeueCount: maxDequeueCountThere } } })).toBe(
        5,
      )
    },
  )

  it('is the earlier one of two spellings', () => {
    expect(maxDequeueCount({ [name]: '3', [name.replaceAll('__', ':')]: '2' })).toBe(2)
    expect(maxDequeueCount({ [name]: '2', [name.replaceAll('__', ':')]: '3' })).toBe(2)
  })
})
