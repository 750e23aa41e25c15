/** How the orders of a file are written. */
export type Format = 'ndjson' | 'json' | 'csv'

const FORMATS: Readonly<Record<string, Format>> = {
  '.jsonl': 'ndjson',
  '.ndjson': 'ndjson',
  '.json': 'json',
  '.csv': 'csv',
}

/** The endings of a file of orders; each may be followed by `.gz`. */
export const ENDINGS = Object.keys(FORMATS)

/** What a file's name says of its content; undefined when it has none of the known endings. */
export function formatOf(name: string): { readonly format: Format; readonly gzip: boolean } | undefined {
  const [, ending = '', gzip] = /(\.[a-z]+)(\.gz)?$/.exec(name.toLowerCase()) ?? []
  const format = Object.hasOwn(FORMATS, ending) ? FORMATS[ending] : undefined
  return format && { format, gzip: gzip !== undefined }
}
