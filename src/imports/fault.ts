/** A file, or what is left of it from a line on, is no list of orders. Its message says why, and what to do. */
export class FileFault extends Error {
  override readonly name = 'FileFault'
  /** The first line that was not read; without it, nothing was. */
  readonly line: number | undefined

  constructor(message: string, line?: number) {
    super(message)
    this.line = line
  }
}
