import type { StoredEntity } from './entity.ts'

/** Where order records are, for export and restore. Every record is a line of a file, as an entity of the table has it. */
export interface RecordStore {
  /** Its address: what an export that was killed has is of this store and no other. */
  readonly url: string
  /** Whether `pages` can begin behind a record. */
  readonly resumes: boolean
  /** Makes what the records are in, unless it is there. */
  prepare(): Promise<void>
  /** Every record, those behind the given one. */
  pages(after: StoredEntity | undefined, pageSize: number): AsyncGenerator<Page>
  /** Writes a record where there is none, and answers whether there was none. */
  create(entity: StoredEntity): Promise<boolean>
  /** Reads the record that is there under the id of another one. */
  read(entity: StoredEntity): Promise<{ readonly entity: StoredEntity; readonly etag: string }>
  /** Writes a record over the one that has this ETag, and answers whether it still had it. */
  replace(entity: StoredEntity, etag: string): Promise<boolean>
  /** Whether two entities are the same in this store. */
  same(a: StoredEntity, b: StoredEntity): boolean
}

/** Records that were read by one request. */
export interface Page {
  readonly entities: readonly StoredEntity[]
  /** What holds no order record, in words: it is in no line. */
  readonly unreadable: readonly string[]
}
