import { access, readdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * One line for each function of the programming model v3 (a folder with a `function.json`), which this host does not run:
 * https://learn.microsoft.com/azure/azure-functions/functions-node-upgrade-v4
 */
export async function findOldFunctions(appDirectory: string): Promise<string[]> {
  const entries = await readdir(appDirectory, { withFileTypes: true }).catch(() => [])
  const lines = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && entry.name !== 'node_modules')
      .map(async ({ name }) => {
        try {
          await access(path.join(appDirectory, name, 'function.json'))
        } catch {
          return []
        }
        return [
          `The '${name}' function is in error: it is a function.json of the programming model v3, and func-local runs v4 only (app.http, app.storageQueue, …). See https://aka.ms/upgradeFunctionsNodeV4.`,
        ]
      }),
  )
  return lines.flat()
}
