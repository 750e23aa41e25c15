import { describe, expect, test } from '@jest/globals'
import {
  blobNameFault,
  containerNameFault,
  queueNameFault,
  tableKeyFault,
  tableNameFault,
} from '../src/storage/names.ts'

const VALID = ['abc', 'a-b-c', '0a9', 'a'.repeat(63), '123']
const INVALID: readonly [name: string, reason: string][] = [
  ['', 'must be from 3 to 63 characters long.'],
  ['ab', 'must be from 3 to 63 characters long.'],
  ['a'.repeat(64), 'must be from 3 to 63 characters long.'],
  ['Abc', 'must be all lower case.'],
  ['a_b', 'can contain only letters (a to z), digits and dashes (-).'],
  ['a b', 'can contain only letters (a to z), digits and dashes (-).'],
  ['a/b', 'can contain only letters (a to z), digits and dashes (-).'],
  ['a.b', 'can contain only letters (a to z), digits and dashes (-).'],
  ['äbc', 'can contain only letters (a to z), digits and dashes (-).'],
  ['-ab', 'cannot begin or end with a dash (-).'],
  ['ab-', 'cannot begin or end with a dash (-).'],
  ['a--b', 'cannot contain consecutive dashes (-).'],
]

// https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
describe('names in storage', () => {
  test.each(VALID)('a queue or container can be %s', (name) => {
    expect(queueNameFault(name)).toBeUndefined()
    expect(containerNameFault(name)).toBeUndefined()
  })

  test.each(INVALID)('a queue or container cannot be %j: it %s', (name, reason) => {
    expect(queueNameFault(name)).toBe(`A queue name ${reason}`)
    expect(containerNameFault(name)).toBe(`A container name ${reason}`)
  })

  test('$root is a container, and no queue', () => {
    expect(containerNameFault('$root')).toBeUndefined()
    expect(queueNameFault('$root')).toBeDefined()
    expect(containerNameFault('$logs')).toBeDefined()
  })

  test.each(['abc', 'Orders2', 'a'.repeat(63), 'Tables1'])('a table can be %s', (name) => {
    expect(tableNameFault(name)).toBeUndefined()
  })

  test.each([
    ['ab', 'A table name must be from 3 to 63 characters long.'],
    ['a'.repeat(64), 'A table name must be from 3 to 63 characters long.'],
    ['1ab', 'A table name can contain only letters and digits, and must begin with a letter.'],
    ['a-b', 'A table name can contain only letters and digits, and must begin with a letter.'],
    ['a_b', 'A table name can contain only letters and digits, and must begin with a letter.'],
    ['Tables', "A table cannot have the name 'tables'."],
  ])('a table cannot be %s', (name, reason) => {
    expect(tableNameFault(name)).toBe(reason)
  })

  test.each(
    ['a', 'a/b', 'a.b', '.a', '..a', 'a..', 'x/...', 'ü €', '%2e%2e/x', 'a'.repeat(1024)].filter(
      (name) => !/[./]$/.test(name),
    ),
  )('a blob can be %s', (name) => {
    expect(blobNameFault(name)).toBeUndefined()
  })

  test.each([
    ['', 'A blob name must be from 1 to 1024 characters long.'],
    ['a'.repeat(1025), 'A blob name must be from 1 to 1024 characters long.'],
    ...['.', '..', '../x', 'x/..', 'x/.', 'x/./y', 'x/../../y'].map(
      (name) => [name, "A blob name cannot contain the segments '.' and '..'."] as const,
    ),
    ['x\\y', 'A blob name cannot contain a backslash (\\).'],
    ['x/', 'A blob name cannot end with a dot (.) or a slash (/).'],
    ['x.', 'A blob name cannot end with a dot (.) or a slash (/).'],
  ])('a blob cannot be %j', (name, reason) => {
    expect(blobNameFault(name)).toBe(reason)
  })

  test.each(['', ' ', 'a b', 'ü', "it's", '..', '\u00A0'])('a key can be %j', (key) => {
    expect(tableKeyFault(key)).toBeUndefined()
  })

  test.each(['a/b', 'a\\b', 'a#b', 'a?b', '\u0000', '\u001F', '\u007F', '\u009F'])(
    'a key cannot be %j',
    (key) => {
      expect(tableKeyFault(key)).toContain('cannot be part of a key')
    },
  )
})
