/** A file in the container of imports, at one version of its content. */
export interface ImportFile {
  readonly name: string
  /** The version: another one as soon as somebody writes the file. */
  readonly etag: string
  /** Bytes, as stored. */
  readonly size: number
  /**
   * The content from its beginning, in chunks of bounded size. Each is fetched when it is asked for, or one ahead.
   *
   * @throws FileChangedError | FileDeletedError when this version of the file is gone
   * @throws whatever else keeps storage from responding
   */
  read(): AsyncIterable<Uint8Array>
}

/** A file in the container of reports that is being written. What is there under its name stays until it is finished. */
export interface ReportFile {
  append(text: string): Promise<void>
  /** Puts the whole in the place of what was there. */
  finish(): Promise<void>
}

/** Port: the files to import, and what is written about them. Every call ends in bounded time. */
export interface ImportFiles {
  /** The file as it is now; undefined when there is none. */
  open(name: string): Promise<ImportFile | undefined>
  /** Begins a file of reports. Nothing is deleted, and what is written never expires. */
  report(name: string): ReportFile
}

/** The file was written anew while it was read. */
export class FileChangedError extends Error {
  override readonly name = 'FileChangedError'
}

/** The file was deleted while it was read. */
export class FileDeletedError extends Error {
  override readonly name = 'FileDeletedError'
}
