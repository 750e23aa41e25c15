import { createHash } from 'node:crypto'
import { sameContent } from './content.ts'
import type { Evidence } from './evidence.ts'
import type { FileLine, FileUpload } from './ledger.ts'
import { isSettled } from './status.ts'
import type { ReportViolation } from './violations.ts'

/** Counts of the files of orders. */
export interface FilesAudit {
  readonly files: number
  readonly fileLines: number
  readonly fileLinesRefused: number
}

/** The id of a line of a file: its own, or the one that is derived from the file and the line's number. */
export function lineId(file: string, line: FileLine, number: number): string {
  const hash = createHash('sha256').update(file).digest('base64url').slice(0, 22)
  return line.order?.id ?? `import-${hash}-${number}`
}

/** Checks that every line of every file is a processed order, or in the report with its number and its text, and that the first report was the whole. */
export function auditFiles({ ledger, final }: Evidence, report: ReportViolation): FilesAudit {
  let fileLines = 0
  let fileLinesRefused = 0

  function check({ name, etag, lines, report: written, rejected }: FileUpload): void {
    if (etag === undefined) return
    if (written === undefined) {
      report('wrong reports', `${name}: there is no report`)
      return
    }
    const counted = ['processed', 'alreadyProcessed', 'refused'].map((count) => Number(written[count]))
    const sum = counted.reduce((a, b) => a + b, 0)
    const refused = new Map(rejected.map((line) => [line['line'], line['text']]))
    if (
      written['complete'] !== true ||
      written['lines'] !== lines.length ||
      sum !== lines.length ||
      written['refused'] !== refused.size
    ) {
      report('wrong reports', `${name}, ${lines.length} lines: ${JSON.stringify(written)}`)
    }
    lines.forEach((line, index) => {
      const number = index + 1
      fileLines++
      if (refused.has(number)) fileLinesRefused++
      const id = lineId(name, line, number)
      const record = final.records.get(id)
      const mustBeRefused =
        line.order === undefined || (record !== undefined && !sameContent(record.content, line.order.content))
      if (mustBeRefused) {
        if (refused.get(number) !== line.text) {
          report(
            'wrong reports',
            `${name}, line ${number}: ${line.text}, reported as ${String(refused.get(number))}`,
          )
        }
      } else if (record === undefined || !isSettled(record.status)) {
        report('lost', `${name}, line ${number}: ${record?.json ?? 'there is no record'}`, id)
      } else if (refused.has(number)) {
        report('wrong reports', `${name}, line ${number} is refused, and processed: ${record.json}`)
      }
    })
  }

  ledger.files.forEach(check)
  return { files: ledger.files.length, fileLines, fileLinesRefused }
}
