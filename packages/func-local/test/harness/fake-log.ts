import type { Log, LogSubject } from '../../src/host/log.ts'

/** A log that keeps its lines: `warning Queue 'x' …`. */
export interface FakeLog extends Log {
  readonly lines: readonly string[]
  /** The lines about requests, which are not among the others, and what each is about. */
  readonly requests: readonly { readonly line: string; readonly about: LogSubject | undefined }[]
}

/** Creates an empty log. */
export function createFakeLog(): FakeLog {
  const lines: string[] = []
  const requests: { line: string; about: LogSubject | undefined }[] = []
  const at =
    (level: string) =>
    (message: string): void => {
      lines.push(`${level} ${message}`)
    }
  return {
    lines,
    requests,
    write: (_category, level, message, about) => {
      if (about?.request !== undefined) requests.push({ line: message, about })
      else at(level)(message)
    },
    info: at('information'),
    warn: at('warning'),
    error: at('error'),
    output: (stream, line) => {
      at(stream)(line)
    },
    plain: at('plain'),
    redact: (text) => text,
    configure: () => undefined,
  }
}
