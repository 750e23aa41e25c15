import { InvalidOrderError } from '../orders/errors.ts'
import { parseJson } from '../orders/json.ts'
import { contentFields } from '../orders/order.ts'
import { cellType, isRequired } from '../orders/schema.ts'
import type * as v from 'valibot'
import { FileFault } from './fault.ts'

/** What a column's cells are read as. */
type CellType = ReturnType<typeof cellType>

/** The columns that a header names, in its order; one without a name has no cells but empty ones. */
export type Columns = readonly (Column | undefined)[]

interface Column {
  readonly field: string
  readonly type: CellType
}

/** The fields of an order, each with what its cells are read as. */
const FIELDS: ReadonlyMap<string, CellType> = new Map<string, CellType>([
  ['id', 'string'],
  ...Object.entries<v.GenericSchema>(contentFields).map(
    ([name, schema]) => [name, cellType(schema)] as const,
  ),
])
const REQUIRED = Object.entries<v.GenericSchema>(contentFields).flatMap(([name, schema]) =>
  isRequired(schema) ? [name] : [],
)

const utf8 = new TextDecoder('utf-8', { fatal: true })
/** RFC 8259 §6 */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?$/

/**
 * Reads a header: cells as Latin-1.
 *
 * @throws FileFault when it names something that is no field of an order, a field twice, or not every field that is required
 */
export function csvColumns(cells: readonly string[], isWellQuoted: boolean): Columns {
  const known = `Name each column after a field of an order: ${[...FIELDS.keys()].join(', ')}.`
  if (!isWellQuoted) throw new FileFault(`The header has a quotation mark in the wrong place. ${known}`)
  const names = cells.map((cell) => cell.trim())
  const columns = names.map((field, i) => {
    if (field === '') return undefined
    const type = FIELDS.get(field)
    if (type === undefined)
      throw new FileFault(`Column ${i + 1} of the header is no field of an order. ${known}`)
    if (names.indexOf(field) !== i) throw new FileFault(`The header names ${field} twice. ${known}`)
    return { field, type }
  })
  const missing = REQUIRED.filter((field) => !names.includes(field))
  if (missing.length > 0) throw new FileFault(`The header has no column ${missing.join(', ')}. ${known}`)
  return columns
}

/**
 * The order that a record's cells hold, as JSON would have it. An empty cell is a field that is not there. A cell that is not
 * what its field's schema wants stays the text that it is, and the schema says what is wrong with it.
 *
 * @param cells as Latin-1
 * @param bytes of the whole record
 * @throws InvalidOrderError
 */
export function orderOf(columns: Columns, cells: readonly string[], bytes: Uint8Array): unknown {
  if (cells.length !== columns.length) {
    const detail = `has ${cells.length} cells, and the header has ${columns.length}`
    throw new InvalidOrderError([{ pointer: '', detail }])
  }
  const isAscii = bytes.every((byte) => byte < 0x80)
  const order: [string, unknown][] = []
  cells.forEach((cell, i) => {
    if (cell === '') return
    const column = columns[i]
    if (column === undefined) {
      throw new InvalidOrderError([
        { pointer: '', detail: `has a cell in column ${i + 1}, which has no name` },
      ])
    }
    order.push([column.field, valueOf(isAscii ? cell : decoded(cell), column.type)])
  })
  return Object.fromEntries(order)
}

function decoded(cell: string): string {
  try {
    return utf8.decode(Buffer.from(cell, 'latin1'))
  } catch {
    throw new InvalidOrderError([{ pointer: '', detail: 'is not UTF-8 text' }])
  }
}

function valueOf(cell: string, type: CellType): unknown {
  const text = cell.trim()
  switch (type) {
    case 'string':
      return cell
    case 'number':
      return NUMBER.test(text) ? Number(text) : cell
    case 'boolean':
      return { true: true, false: false }[text.toLowerCase()] ?? cell
    case 'json':
      try {
        return parseJson(Buffer.from(cell))
      } catch {
        return cell
      }
  }
}
