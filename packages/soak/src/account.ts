import { accountCalls, type CallsAccount } from './accountCalls.ts'
import { accountMessages, type MessagesAccount } from './accountMessages.ts'
import { accountRecords, type RecordsAccount } from './accountRecords.ts'
import { createBreaches, type Breaches } from './breaches.ts'
import type { Evidence } from './evidence.ts'

/** The result: what was counted, and what was broken. */
export interface Account
  extends Omit<CallsAccount, 'acknowledged'>, Omit<MessagesAccount, 'acknowledged'>, RecordsAccount {
  readonly breaches: Breaches
  /** Orders that somebody was told are taken on. */
  readonly acknowledged: number
}

/** Holds what clients were told against what storage holds. */
export function account(evidence: Evidence): Account {
  const { breaches, broken } = createBreaches()
  const calls = accountCalls(evidence, broken)
  const messages = accountMessages(evidence, broken)
  const records = accountRecords(evidence, broken)
  const acknowledged = new Set([...calls.acknowledged, ...messages.acknowledged]).size
  return { ...calls, ...messages, ...records, acknowledged, breaches }
}
