import type { Log } from '../../src/host/log.ts'

/** A log that keeps its lines: `warning Queue 'x' …`. */
export interface FakeLog extends Log {
  readonly lines: readonly string[]
}

/** Creates an empty log. */
export function createFakeLog(): FakeLog {
  const lines: string[] = []
  const at =
    (level: string) =>
    (message: string): void => {
      lines.push(`${level} ${message}`)
    }
  return {
    lines,
    write: (_category, level, message) => {
      at(level)(message)
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
