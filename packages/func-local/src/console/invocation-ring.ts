import type { InvocationFeed, InvocationNews } from '../host/invocation-feed.ts'
import type { TypedData } from '../protocol.ts'
import type { InvocationDetails, InvocationSummary, Preview } from './messages.ts'
import { beginning, previewOf, type Redact } from './preview.ts'

/** The latest invocations. What is kept of each is bounded, so that the memory is. */
export interface InvocationRing {
  /** Those that have changed after a revision, in the order in which they began; the first revision is 0. */
  readonly changedSince: (revision: number) => readonly InvocationSummary[]
  /** The ids of those that have not ended; one that others have pushed out is not among them. */
  readonly running: () => readonly string[]
  readonly find: (id: string) => InvocationDetails | undefined
  /** Grows with each change. */
  readonly revision: () => number
  readonly total: () => number
  readonly failed: () => number
  /** Called with each change; there is one watcher at most. */
  readonly watch: (watcher: (() => void) | undefined) => void
}

/** How much is kept. */
export interface RingLimits {
  readonly invocations: number
  /** Of the log of one invocation. */
  readonly lines: number
  readonly characters: number
}

const RING_LIMITS: RingLimits = { invocations: 100, lines: 200, characters: 16_384 }
const MOST_OUTPUTS = 20
const GIST_CHARACTERS = 200
const STACK_CHARACTERS = 4096

interface Kept {
  readonly id: string
  readonly functionName: string
  readonly startedAt: number
  readonly reason: string
  revision: number
  outcome: InvocationSummary['outcome']
  milliseconds: number | undefined
  status: string | undefined
  readonly logs: { readonly level: string; readonly message: string }[]
  characters: number
  linesLeftOut: number
  readonly outputs: { name: string; type: string; isWritten: boolean; value: Preview }[]
  returned: Preview | undefined
  error: { readonly message: string; readonly stack: string } | undefined
}

/**
 * Keeps the latest of what a feed tells, from now on. Texts pass through `redact` before they are cut, and again when they are
 * read: a reload may have brought other secrets.
 */
export function createInvocationRing(
  feed: Pick<InvocationFeed, 'subscribe'>,
  redact: Redact,
  limits: RingLimits = RING_LIMITS,
): InvocationRing {
  const ring = new Map<string, Kept>()
  let revision = 0
  let total = 0
  let failed = 0
  let watcher: (() => void) | undefined

  feed.subscribe((news) => {
    const kept = keep(news)
    if (kept === undefined) return
    kept.revision = ++revision
    watcher?.()
  })

  return {
    changedSince: (known) =>
      [...ring.values()].filter((kept) => kept.revision > known).map((kept) => summaryOf(kept, redact)),
    running: () => [...ring.values()].filter(({ outcome }) => outcome === 'running').map(({ id }) => id),
    find: (id) => {
      const kept = ring.get(id)
      return kept === undefined ? undefined : detailsOf(kept, redact)
    },
    revision: () => revision,
    total: () => total,
    failed: () => failed,
    watch: (next) => {
      watcher = next
    },
  }

  function keep(news: InvocationNews): Kept | undefined {
    if (news.kind === 'began') {
      total += 1
      return add(news, news.at.getTime(), news.reason)
    }
    const kept = ring.get(news.invocationId)
    if (news.kind === 'ended') {
      if (news.error !== undefined) failed += 1
      // One that others have pushed out comes back with its end.
      return end(kept ?? add(news, Date.now() - news.milliseconds, ''), news)
    }
    if (kept === undefined) return undefined
    if (news.kind === 'log') addLine(kept, news.level, news.message)
    else if (kept.outputs.length < MOST_OUTPUTS) {
      const { name, type, isWritten, value } = news.output
      kept.outputs.push({ name, type, isWritten, value: previewOf(value, redact) })
    }
    return kept
  }

  function add(news: InvocationNews, startedAt: number, reason: string): Kept {
    const kept: Kept = {
      ...{ id: news.invocationId, functionName: news.functionName, startedAt, reason, revision: 0 },
      ...{ outcome: 'running', milliseconds: undefined, status: undefined, returned: undefined },
      ...{ logs: [], characters: 0, linesLeftOut: 0, outputs: [], error: undefined },
    }
    ring.set(kept.id, kept)
    if (ring.size > limits.invocations) {
      const [oldest] = ring.keys()
      if (oldest !== undefined) ring.delete(oldest)
    }
    return kept
  }

  function addLine(kept: Kept, level: string, message: string): void {
    const room = limits.characters - kept.characters
    if (kept.logs.length >= limits.lines || room <= 0) {
      kept.linesLeftOut += 1
      return
    }
    const whole = redact(message)
    const text = beginning(whole, room)
    kept.characters += text.length
    kept.logs.push({ level, message: text.length < whole.length ? `${text} …` : text })
  }

  function end(kept: Kept, news: InvocationNews & { readonly kind: 'ended' }): Kept {
    kept.outcome = news.error === undefined ? 'succeeded' : 'failed'
    kept.milliseconds = news.milliseconds
    kept.status = news.returnValue?.http?.statusCode
    kept.returned = returnedBy(kept, news.returnValue, redact)
    if (news.error !== undefined) {
      const { message, stackTrace = '' } = news.error
      kept.error = {
        message: beginning(redact(message), STACK_CHARACTERS),
        stack: beginning(redact(stackTrace), STACK_CHARACTERS),
      }
    }
    return kept
  }
}

/** What is not shown as a response or an output. */
function returnedBy(kept: Kept, value: TypedData | undefined, redact: Redact): Preview | undefined {
  if (value === undefined || value.http !== undefined) return undefined
  return kept.outputs.some(({ name }) => name === '$return') ? undefined : previewOf(value, redact)
}

function summaryOf(kept: Kept, redact: Redact): InvocationSummary {
  const { id, functionName, startedAt, outcome, milliseconds, status, logs, error } = kept
  const [gist = ''] = (error?.message ?? logs.at(-1)?.message ?? '').split('\n')
  return {
    ...{ id, functionName, startedAt, outcome, milliseconds, status },
    lines: logs.length + kept.linesLeftOut,
    outputs: kept.outputs.length,
    gist: redact(gist).slice(0, GIST_CHARACTERS),
  }
}

function detailsOf(kept: Kept, redact: Redact): InvocationDetails {
  const shown = (value: Preview): Preview => ({ ...value, text: redact(value.text) })
  const { reason, linesLeftOut, returned, error } = kept
  return {
    ...summaryOf(kept, redact),
    ...{ reason: redact(reason), linesLeftOut },
    logs: kept.logs.map(({ level, message }) => ({ level, message: redact(message) })),
    outputValues: kept.outputs.map((output) => ({ ...output, value: shown(output.value) })),
    returned: returned === undefined ? undefined : shown(returned),
    error: error === undefined ? undefined : { message: redact(error.message), stack: redact(error.stack) },
  }
}
