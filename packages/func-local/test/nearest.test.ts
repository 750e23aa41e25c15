import { expect, test } from '@jest/globals'
import { nearest } from '../src/nearest.ts'

test.each<[string, string[], string | undefined]>([
  ['batchSize', ['batchSize'], 'batchSize'],
  ['BATCHsise', ['newBatchThreshold', 'batchSize'], 'batchSize'],
  ['prot', ['port', 'pot'], 'pot'],
  ['prot', ['port', 'address'], 'port'],
  ['ort', ['port'], 'port'],
  ['pport', ['port'], 'port'],
  ['porters', ['port'], undefined],
  ['po', ['port'], 'port'],
  ['p', ['port'], undefined],
  ['ab', ['xy'], undefined],
  ['a', ['xy'], undefined],
  ['axb', ['ayb', 'axb'], 'axb'],
  ['kitten', ['sitting'], undefined],
  ['queue', ['http', 'queues', 'blobs', 'tables'], 'queues'],
  ['', ['abc'], undefined],
  ['x', [], undefined],
])('%j of %j is %j', (given, known, expected) => {
  expect(nearest(given, known)).toBe(expected)
})
