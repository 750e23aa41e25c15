import { inspect } from 'node:util'
import type { InvocationContext, StorageBlobHandler } from '@azure/functions'
import type { ImportResult } from '../imports/run.ts'
import type { LineCounts } from '../imports/report.ts'
import { jsonLine } from '../jsonLine.ts'
import { IMPORTS_CONTAINER } from '../storage/names.ts'

/** Imports one file. */
export type Importer = (
  name: string,
  progress: (counts: Readonly<LineCounts>) => void,
) => Promise<ImportResult>

/** The blob's path is missing in what the host says of it. */
class NoBlobPathError extends Error {
  override readonly name = 'NoBlobPathError'

  constructor() {
    super(
      `The host does not say which blob of ${IMPORTS_CONTAINER} the call is about: triggerMetadata.blobTrigger is missing.`,
    )
  }
}

/**
 * Storage blob trigger on `imports/{name}`: imports a file of orders. Each step is one line of JSON in the log,
 * `{"event":"import", …}`.
 *
 * The blob's content does not come with the call, or is ignored if it does: the file is read from storage block by block.
 */
export function importOrdersHandler(importer: () => Promise<Importer>): StorageBlobHandler {
  return async (_content, context) => {
    const file = fileOf(context)
    const log = (outcome: string, more: object = {}) => jsonLine({ event: 'import', outcome, file, ...more })
    try {
      const run = await importer()
      const result = await run(file, (counts) => {
        context.log(log('progress', counts))
      })
      switch (result.outcome) {
        case 'complete':
          context.log(log('complete', summary(result.report)))
          break
        case 'incomplete':
          context.error(log('incomplete', { ...summary(result.report), reason: result.report.fault?.detail }))
          break
        case 'missing':
        case 'overwritten':
          context.log(log(result.outcome))
      }
    } catch (error) {
      context.error(log('failed', { reason: inspect(error) }))
      throw error
    }
  }
}

/**
 * The path is the metadata's only part that is the same text on every host: the library takes a `name` like `1e3` for JSON.
 */
function fileOf({ triggerMetadata = {} }: InvocationContext): string {
  const path = triggerMetadata['blobTrigger']
  const prefix = `${IMPORTS_CONTAINER}/`
  if (typeof path !== 'string' || !path.startsWith(prefix)) throw new NoBlobPathError()
  return path.slice(prefix.length)
}

function summary(report: Readonly<LineCounts> & { readonly etag: string }): object {
  const { etag, lines, processed, alreadyProcessed, refused } = report
  return { etag, lines, processed, alreadyProcessed, refused }
}
