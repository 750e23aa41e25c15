import { expect, test } from '@jest/globals'
import { importConcurrency, importSource, ImportSettingsError } from '../../../src/imports/settings.ts'

test('the lines on their way at a time', () => {
  expect(importConcurrency({})).toBe(32)
  expect(importConcurrency({ IMPORT_CONCURRENCY: ' 8 ' })).toBe(8)
  expect(importConcurrency({ IMPORT_CONCURRENCY: '1' })).toBe(1)
  expect(importConcurrency({ IMPORT_CONCURRENCY: '256' })).toBe(256)
  for (const value of ['0', '257', '1.5', '-1', 'many', '0x10']) {
    expect(() => importConcurrency({ IMPORT_CONCURRENCY: value })).toThrow(
      new ImportSettingsError('IMPORT_CONCURRENCY is a whole number from 1 to 256.'),
    )
  }
  expect(new ImportSettingsError().name).toBe('ImportSettingsError')
})

test('how the host finds files: by looking, unless the setting says events', () => {
  expect(importSource({})).toBe('LogsAndContainerScan')
  expect(importSource({ IMPORT_SOURCE: 'EventGrid' })).toBe('EventGrid')
  expect(importSource({ import_source: ' eventgrid ' })).toBe('EventGrid')
  // The host refuses it, and says so.
  expect(importSource({ IMPORT_SOURCE: 'Post' })).toBe('Post')
})
