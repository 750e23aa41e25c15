import { isObject } from '../../config/json-file.ts'
import { BindingError } from '../../host/function.ts'
import { elementsOf } from './hand-data.ts'
import type { OnCallEvent, OnCallKind } from './on-call-kind.ts'

/** The changes as one JSON array; no metadata of their own. */
function batchOf(changes: readonly unknown[]): OnCallEvent {
  return { data: { string: JSON.stringify(changes) }, metadata: {}, bindingData: {} }
}

/**
 * The handler gets an array of changes, `{ Operation, Item }` (0 inserted, 1 updated, 2 deleted); rows alone count as inserted:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-azure-sql-trigger and
 * https://github.com/Azure/azure-functions-sql-extension/blob/main/src/TriggerBinding/SqlChange.cs
 */
export const sql: OnCallKind = {
  types: ['sqltrigger'],
  service: 'SQL',
  connectionProperty: 'connectionStringSetting',
  packages: ['mssql', 'tedious'],
  sample: () => '[{"Operation":0,"Item":{"Id":1,"Name":"sample"}}]',
  event: (data) => batchOf(changesOf(data)),
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-azure-mysql-trigger */
export const mySql: OnCallKind = {
  ...sql,
  types: ['mysqltrigger'],
  service: 'MySQL',
  packages: ['mysql', 'mysql2'],
}

function changesOf(data: Buffer): readonly unknown[] {
  return elementsOf(data, 'a row or a change, or an array of them').map((element) => {
    if (!isObject(element)) throw new BindingError('each of its rows must be an object.')
    return 'Operation' in element && 'Item' in element ? element : { Operation: 0, Item: element }
  })
}
