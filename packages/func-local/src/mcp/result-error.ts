/** The value that a function returned is none that its trigger takes; the message goes on after "the value it returned". */
export class ResultError extends Error {}
