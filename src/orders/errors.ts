/** One fault of an order: where (RFC 6901 JSON pointer into the order) and what. */
export interface OrderFault {
  readonly pointer: string
  readonly detail: string
  /** The fault as the log has it, where pointer or detail hold something that the sender made up. */
  readonly logged?: string
}

/** The facts about a kind of failure, for HTTP, the log, OpenAPI and the README. */
export interface FailureKind {
  /** HTTP status. */
  readonly status: number
  /** RFC 9457 problem type. Stable: clients tell problems apart by it. */
  readonly type: string
  /** RFC 9457 title: the kind of problem, in words. */
  readonly title: string
  /** The outcome in the log. Stable: queries and alerts use it. */
  readonly outcome: string
  /** When it happens, for the description of the API. */
  readonly when: string
  /** Whether delivering the same message again cannot help. */
  readonly permanent: boolean
}

/** Longest line of a file of orders, in bytes: an order in JSON, and as much again for its escape sequences. */
export const MAX_LINE_BYTES = 64 * 1024

/** Largest body of an order request, in bytes. */
export const MAX_BODY_BYTES = 32 * 1024

/** Every kind of failure, one row each. */
export const FAILURES = {
  malformedJson: {
    status: 400,
    type: 'urn:orders:problem:malformed-json',
    title: 'The body is not JSON',
    outcome: 'malformed',
    when: 'The body is not JSON in UTF-8, or names a key twice.',
    permanent: true,
  },
  orderNotFound: {
    status: 404,
    type: 'urn:orders:problem:order-not-found',
    title: 'No such order',
    outcome: 'not-found',
    when: 'There is no order under the id.',
    permanent: true,
  },
  orderConflict: {
    status: 409,
    type: 'urn:orders:problem:order-conflict',
    title: 'The id belongs to another order',
    outcome: 'conflict',
    when: 'The id belongs to an order with other content. That never changes: use a new id for a new order.',
    permanent: true,
  },
  bodyTooLarge: {
    status: 413,
    type: 'urn:orders:problem:body-too-large',
    title: 'The body is too large',
    outcome: 'too-large',
    when: `The body is longer than ${MAX_BODY_BYTES} bytes.`,
    permanent: true,
  },
  unsupportedEncoding: {
    status: 415,
    type: 'urn:orders:problem:unsupported-encoding',
    title: 'The content coding is not supported',
    outcome: 'unsupported-encoding',
    when: 'The body has a `Content-Encoding` other than `identity`.',
    permanent: true,
  },
  invalidOrder: {
    status: 422,
    type: 'urn:orders:problem:invalid-order',
    title: 'The order is not valid',
    outcome: 'invalid',
    when: 'The order breaks the schema, or its `id` is not the `Idempotency-Key`. `errors` lists every fault, with its pointer.',
    permanent: true,
  },
  storageUnavailable: {
    status: 503,
    type: 'urn:orders:problem:storage-unavailable',
    title: 'Storage cannot be reached',
    outcome: 'unavailable',
    when: 'Storage is unavailable, so the outcome is unknown. A retry with the `id` in the response is safe.',
    permanent: false,
  },
  internalError: {
    status: 500,
    // RFC 9457 §4.2.1: about:blank says no more than the status does; what broke stays inside.
    type: 'about:blank',
    title: 'Internal Server Error',
    outcome: 'error',
    when: 'A fault of the service, or a stored record that cannot be read. The log has the details.',
    permanent: false,
  },
} as const satisfies Readonly<Record<string, FailureKind>>

/** How an order can fail, as the log names it. */
export type FailureOutcome = (typeof FAILURES)[keyof typeof FAILURES]['outcome']

/** A failure of a known kind. */
export abstract class OrderError extends Error {
  /** The row of {@link FAILURES} it belongs to. */
  abstract readonly kind: (typeof FAILURES)[keyof typeof FAILURES]
  /** The order it is about, where that is known. */
  declare readonly id?: string

  /** What a problem response says beside the kind: RFC 9457 §3.1.4 and §3.2. */
  problemDetails(): {
    readonly detail?: string
    readonly id?: string
    readonly errors?: readonly OrderFault[]
  } {
    return { detail: this.message, ...(this.id !== undefined && { id: this.id }) }
  }

  /** The reason for the log. It holds nothing that a client or a sender wrote. */
  logReason(): string {
    return this.message
  }
}

/** The text is not JSON in UTF-8, or names a key twice. The message must not hold a part of the text. */
export class MalformedJsonError extends OrderError {
  override readonly name = 'MalformedJsonError'
  readonly kind = FAILURES.malformedJson
}

/** The order breaks the schema, in every way listed. */
export class InvalidOrderError extends OrderError {
  override readonly name = 'InvalidOrderError'
  readonly kind = FAILURES.invalidOrder
  readonly faults: readonly OrderFault[]

  constructor(faults: readonly OrderFault[]) {
    super(
      `The order is not valid: ${faults.map(({ pointer, detail }) => `${pointer} ${detail}`.trim()).join('; ')}.`,
    )
    this.faults = faults
  }

  override problemDetails() {
    return { errors: this.faults.map(({ pointer, detail }) => ({ pointer, detail })) }
  }

  override logReason(): string {
    const texts = this.faults.map(({ pointer, detail, logged }) => logged ?? `${pointer} ${detail}`.trim())
    const counted = [...Map.groupBy(texts, (text) => text)].map(([text, { length }]) =>
      length === 1 ? text : `${text} (${length} times)`,
    )
    return `The order is not valid: ${counted.join('; ')}.`
  }
}

/** The id is taken by an order with other content. That was read, never guessed, and stays true. */
export class OrderConflictError extends OrderError {
  override readonly name = 'OrderConflictError'
  readonly kind = FAILURES.orderConflict
  override readonly id: string

  constructor(id: string) {
    super(`Another order already has the id ${id}, with other content. Use a new id for a new order.`)
    this.id = id
  }
}

/** There is no order under the id. */
export class OrderNotFoundError extends OrderError {
  override readonly name = 'OrderNotFoundError'
  readonly kind = FAILURES.orderNotFound

  constructor() {
    super('There is no order with this id.')
  }
}

/** The body is longer than {@link MAX_BODY_BYTES}. */
export class BodyTooLargeError extends OrderError {
  override readonly name = 'BodyTooLargeError'
  readonly kind = FAILURES.bodyTooLarge

  constructor() {
    super(`The body may be at most ${MAX_BODY_BYTES} bytes long.`)
  }
}

/** A line of a file is longer than {@link MAX_LINE_BYTES}. */
export class LineTooLongError extends OrderError {
  override readonly name = 'LineTooLongError'
  readonly kind = FAILURES.bodyTooLarge

  constructor() {
    super(`A line may be at most ${MAX_LINE_BYTES} bytes long.`)
  }
}

/** The body has a content coding: it is compressed, for example. */
export class UnsupportedEncodingError extends OrderError {
  override readonly name = 'UnsupportedEncodingError'
  readonly kind = FAILURES.unsupportedEncoding

  constructor() {
    super('The body must be sent as it is: without Content-Encoding, or with identity.')
  }
}

/** Storage is unavailable, so the outcome of the order is unknown. A retry with the same id is safe. */
export class StorageUnavailableError extends OrderError {
  override readonly name = 'StorageUnavailableError'
  readonly kind = FAILURES.storageUnavailable
  override readonly id: string

  constructor(id: string, cause: unknown) {
    super(
      `Storage is unavailable, so the outcome of order ${id} is unknown. A retry with the same id is safe.`,
      { cause },
    )
    this.id = id
  }

  override logReason(): string {
    return withCauses(this)
  }
}

/**
 * What is stored under the id is not a record that this version can read: it is damaged, or has a status of a newer
 * version. Retrying does not help, and nothing is written over it.
 */
export class UnreadableRecordError extends OrderError {
  override readonly name = 'UnreadableRecordError'
  readonly kind = FAILURES.internalError
  override readonly id: string

  /** @param fields of the record that cannot be read */
  constructor(id: string, fields: readonly string[]) {
    super(`The stored record of order ${id} cannot be read: ${fields.join(', ')}.`)
    this.id = id
  }

  // RFC 9457 §4.2.1: about:blank says no more than the status does.
  override problemDetails() {
    return {}
  }
}

function withCauses(error: Error): string {
  const cause = error.cause
  return cause instanceof Error
    ? `${error.message} Cause: ${cause.name}: ${withCauses(cause)}`
    : error.message
}
