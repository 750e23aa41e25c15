import { randomUUID } from 'node:crypto'
import type { TraceContext } from '../protocol.ts'

// https://www.w3.org/TR/trace-context/#traceparent-header
const TRACE_PARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/

/**
 * The trace context of an invocation. One that came in goes on: its trace id stays, and the invocation is a new span of
 * it; a malformed one counts as absent, as the specification has it.
 */
export function traceContext(traceParent?: string, traceState?: string): TraceContext {
  const match = traceParent === undefined ? null : TRACE_PARENT.exec(traceParent.trim())
  if (match?.[1] === undefined || match[2] === undefined) {
    return { traceParent: `00-${newId()}-${newSpanId()}-00`, traceState: '', attributes: {} }
  }
  return {
    traceParent: `00-${match[1]}-${newSpanId()}-${match[2]}`,
    traceState: traceState ?? '',
    attributes: {},
  }
}

/** 32 hexadecimal digits. Node keeps random bytes for UUIDs in store; asking the system for some each time is slow. */
function newId(): string {
  return randomUUID().replaceAll('-', '')
}

/** 16 hexadecimal digits. */
function newSpanId(): string {
  return newId().slice(16)
}
