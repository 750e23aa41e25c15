import { afterEach, describe, expect, it } from '@jest/globals'
import { orderStore } from '../../src/storage/orderStore.ts'
import { StorageSettingsError } from '../../src/storage/settingsError.ts'

const built = globalThis as { ORDERS_WITH_COSMOS?: boolean }

afterEach(() => {
  delete built.ORDERS_WITH_COSMOS
})

describe('ORDER_STORE', () => {
  it('is tables when it is not set', () => {
    expect(orderStore({})).toBe('tables')
    expect(orderStore({ ORDER_STORE: '' })).toBe('tables')
  })

  it('is tables or cosmos, in any spelling of its name', () => {
    expect(orderStore({ order_store: 'tables' })).toBe('tables')
    expect(orderStore({ Order_Store: 'cosmos' })).toBe('cosmos')
    expect(orderStore({ ORDER_STORE: 'cosmos', order_store: 'cosmos' })).toBe('cosmos')
  })

  it.each(['Cosmos', 'table', ' cosmos', 'cosmosdb', 'true'])(
    'is refused as %j, with what is allowed',
    (value) => {
      const read = () => orderStore({ ORDER_STORE: value })
      expect(read).toThrow(StorageSettingsError)
      expect(read).toThrow(`ORDER_STORE is ${JSON.stringify(value)}. Set it to tables or cosmos`)
    },
  )

  it('is refused when two spellings of its name have different values', () => {
    expect(() => orderStore({ ORDER_STORE: 'tables', order_store: 'cosmos' })).toThrow(
      'ORDER_STORE is "tables" and "cosmos".',
    )
  })

  it('is refused as cosmos by a package that was built without Cosmos DB, which says how to build one', () => {
    built.ORDERS_WITH_COSMOS = false
    expect(orderStore({})).toBe('tables')
    expect(() => orderStore({ ORDER_STORE: 'cosmos' })).toThrow('Build it with ORDER_STORE=cosmos')
    built.ORDERS_WITH_COSMOS = true
    expect(orderStore({ ORDER_STORE: 'cosmos' })).toBe('cosmos')
  })
})
