import { randomBytes } from 'node:crypto'
import type { TraceContext } from '../protocol.ts'

// https://www.w3.org/TR/trace-context/#traceparent-header
const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const TRACE_PARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/

/**
 * The trace context of an invocation. One that came in goes on: its trace id stays, and the invocation is a new span of
 * it; a malformed one counts as absent, as the specification has it.
 */
export function traceContext(traceParent?: string, traceState?: string): TraceContext {
  const match = traceParent === undefined ? null : TRACE_PARENT.exec(traceParent.trim())
  if (match?.[1] === undefined || match[2] === undefined) {
    const ids = randomBytes(TRACE_ID_BYTES + SPAN_ID_BYTES)
    const traceId = ids.toString('hex', 0, TRACE_ID_BYTES)
    return {
      traceParent: `00-${traceId}-${ids.toString('hex', TRACE_ID_BYTES)}-00`,
      traceState: '',
      attributes: {},
    }
  }
  const span = randomBytes(SPAN_ID_BYTES).toString('hex')
  return { traceParent: `00-${match[1]}-${span}-${match[2]}`, traceState: traceState ?? '', attributes: {} }
}
