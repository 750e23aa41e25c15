/*
 * What storage accepts as a name. Every rule is checked before storage is asked, so that a function with an invalid name is in
 * error at the start:
 * https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata and
 * https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
 */

const MIN_LENGTH = 3
const MAX_LENGTH = 63
const MAX_BLOB_NAME = 1024
/** Containers that storage itself makes; their names follow no rule. */
const ROOT_CONTAINER = '$root'

/** The rule that a queue's name breaks, in a sentence; `undefined` when the name is valid. */
export function queueNameFault(name: string): string | undefined {
  return nameFault('queue', name)
}

/** The rule that a container's name breaks. */
export function containerNameFault(name: string): string | undefined {
  return name === ROOT_CONTAINER ? undefined : nameFault('container', name)
}

function nameFault(kind: 'queue' | 'container', name: string): string | undefined {
  if (name.length < MIN_LENGTH || name.length > MAX_LENGTH)
    return `A ${kind} name must be from ${MIN_LENGTH} to ${MAX_LENGTH} characters long.`
  if (/[A-Z]/.test(name)) return `A ${kind} name must be all lower case.`
  if (!/^[a-z0-9-]+$/.test(name))
    return `A ${kind} name can contain only letters (a to z), digits and dashes (-).`
  if (name.startsWith('-') || name.endsWith('-')) return `A ${kind} name cannot begin or end with a dash (-).`
  if (name.includes('--')) return `A ${kind} name cannot contain consecutive dashes (-).`
  return undefined
}

/**
 * The rule that a table's name breaks:
 * https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#table-names
 */
export function tableNameFault(name: string): string | undefined {
  if (name.length < MIN_LENGTH || name.length > MAX_LENGTH)
    return `A table name must be from ${MIN_LENGTH} to ${MAX_LENGTH} characters long.`
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name))
    return 'A table name can contain only letters and digits, and must begin with a letter.'
  if (name.toLowerCase() === 'tables') return "A table cannot have the name 'tables'."
  return undefined
}

/**
 * The rule that a blob's name breaks. Segments `.` and `..` are refused, too: a URL has no such segments, so the name would lead to another
 * blob, even in another container.
 */
export function blobNameFault(name: string): string | undefined {
  if (name === '' || name.length > MAX_BLOB_NAME)
    return `A blob name must be from 1 to ${MAX_BLOB_NAME} characters long.`
  if (name.includes('\\')) return 'A blob name cannot contain a backslash (\\).'
  if (/(?:^|\/)\.{1,2}(?:\/|$)/.test(name)) return "A blob name cannot contain the segments '.' and '..'."
  if (/[./]$/.test(name)) return 'A blob name cannot end with a dot (.) or a slash (/).'
  return undefined
}

// https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#characters-disallowed-in-key-fields
// eslint-disable-next-line no-control-regex
const FORBIDDEN_IN_KEYS = /[/\\#?\u0000-\u001F\u007F-\u009F]/

/** The rule that a partition key or row key breaks. */
export function tableKeyFault(key: string): string | undefined {
  return FORBIDDEN_IN_KEYS.test(key)
    ? '/, \\, #, ? and control characters cannot be part of a key.'
    : undefined
}

/**
 * The rule that the name of a database or container of Cosmos DB breaks:
 * https://learn.microsoft.com/rest/api/cosmos-db/create-a-collection#body. `.` and `..` would lead to another resource in a URL.
 */
export function cosmosNameFault(name: string): string | undefined {
  if (name.trim() === '') return 'A name cannot be empty.'
  return /[/\\#?]|^\.{1,2}$/.test(name) ? "'/', '\\', '#' and '?' cannot be part of a name." : undefined
}
