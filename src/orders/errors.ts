/** One fault of an order: where (RFC 6901 JSON pointer into the order) and what. */
export interface OrderFault {
  readonly pointer: string
  readonly detail: string
}

/** The text is not JSON in UTF-8, or names a key twice. The message holds nothing of the text. */
export class MalformedJsonError extends Error {
  override readonly name = 'MalformedJsonError'
}

/** The order breaks the schema, in every way listed. */
export class InvalidOrderError extends Error {
  override readonly name = 'InvalidOrderError'
  readonly faults: readonly OrderFault[]

  constructor(faults: readonly OrderFault[]) {
    super(
      `The order is not valid: ${faults.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join('; ')}.`,
    )
    this.faults = faults
  }
}

/** The id is taken by an order with other content. That was read, never guessed, and stays true. */
export class OrderConflictError extends Error {
  override readonly name = 'OrderConflictError'
  readonly id: string

  constructor(id: string) {
    super(
      `Another order already has the id ${id}, with another item or quantity. Use a new id for a new order.`,
    )
    this.id = id
  }
}

/** There is no order under the id. */
export class OrderNotFoundError extends Error {
  override readonly name = 'OrderNotFoundError'
  readonly id: string

  constructor(id: string) {
    super('There is no order with this id.')
    this.id = id
  }
}

/** The body is longer than the limit, in bytes. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError'

  constructor(limit: number) {
    super(`The body may be at most ${limit} bytes long.`)
  }
}

/** The body has a content coding; only `identity` is read. */
export class UnsupportedEncodingError extends Error {
  override readonly name = 'UnsupportedEncodingError'

  constructor() {
    super('The body must be sent as it is: without Content-Encoding, or with identity.')
  }
}

/** Storage did not answer, so what became of the order is not known. Asking again with the same id is safe. */
export class StorageUnavailableError extends Error {
  override readonly name = 'StorageUnavailableError'
  readonly id: string

  constructor(id: string, cause: unknown) {
    super(`Storage did not answer, and the outcome of order ${id} is not known. Ask again: it is safe.`, {
      cause,
    })
    this.id = id
  }
}
