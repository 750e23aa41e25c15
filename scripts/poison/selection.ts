import type { Entry } from './listing.ts'

/** Whether an id that an operator gave means this message: its order's id, or the queue message's own. */
export function means({ message, diagnosis }: Entry, id: string): boolean {
  return message.messageId === id || diagnosis.orderId === id
}

/** Which messages `redrive` moves. */
export type Selection =
  | { readonly which: 'all' }
  /** Those that would succeed today, or are processed already. */
  | { readonly which: 'fixed' }
  | { readonly which: 'id'; readonly id: string }

/**
 * Why a message stays where it is, or undefined when it may be moved back to `orders`.
 *
 * @param asNew lets a message without an id of its own become a new order
 */
export function refusal(
  { diagnosis: { verdict, reason, orderId } }: Entry,
  { which }: Selection,
  asNew: boolean,
): string | undefined {
  // What no version of the app can ever process would only travel in a circle.
  if (verdict === 'not-base64' || verdict === 'conflict') return reason
  if (which === 'fixed' && verdict !== 'would-succeed' && verdict !== 'processed-already') return reason
  if (orderId === undefined && !asNew) {
    const fault = verdict === 'would-succeed' ? '' : ` ${reason}`
    return `it has no id of its own and would become a new order; --as-new allows that.${fault}`
  }
  return undefined
}
