import { auditCalls, type CallsAudit } from './auditCalls.ts'
import { auditEvents, type EventsAudit } from './auditEvents.ts'
import { auditFiles, type FilesAudit } from './auditFiles.ts'
import { auditMessages, type MessagesAudit } from './auditMessages.ts'
import { auditRecords, type RecordsAudit } from './auditRecords.ts'
import { createViolations, type Violations } from './violations.ts'
import type { Evidence } from './evidence.ts'

/** The result: counts, and every violation of a promise. */
export interface Audit
  extends
    Omit<CallsAudit, 'acknowledged'>,
    Omit<MessagesAudit, 'acknowledged'>,
    RecordsAudit,
    FilesAudit,
    EventsAudit {
  readonly violations: Violations
  /** Orders that a client was told are accepted or processed. */
  readonly acknowledged: number
}

/** Compares what clients were told with what is stored. */
export function audit(evidence: Evidence): Audit {
  const { violations, report } = createViolations()
  const calls = auditCalls(evidence, report)
  const messages = auditMessages(evidence, report)
  const records = auditRecords(evidence, report)
  const files = auditFiles(evidence, report)
  const events = auditEvents(evidence, report)
  const acknowledged = new Set([...calls.acknowledged, ...messages.acknowledged]).size
  return { ...calls, ...messages, ...records, ...files, ...events, acknowledged, violations }
}
