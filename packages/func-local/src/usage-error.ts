/** A command line that cannot be used; the message says what to write instead. */
export class UsageError extends Error {}
