import type { Generation } from './generation.ts'
import type { Log } from './log.ts'

/** Prints the list of functions as Core Tools prints it, HTTP functions first and without time stamps. */
export function printFunctions(log: Log, { functions }: Generation, baseUrl: string): void {
  const enabled = functions.filter(({ disabled }) => !disabled)
  const http = enabled.filter(({ listener }) => listener.endpoint !== undefined)
  const others = enabled.filter(({ listener }) => listener.endpoint === undefined)
  if (enabled.length > 0) {
    log.plain('')
    log.plain('Functions:', 'yellow')
    log.plain('')
    for (const { definition, listener } of http) {
      const methods = listener.endpoint?.methods ?? []
      const shown = methods.length > 0 ? `[${methods.join(',')}] ` : ''
      log.plain(`\t${definition.name}: ${shown}${baseUrl}/${listener.endpoint?.route ?? ''}`, 'green')
      log.plain('')
    }
    for (const { definition, listener } of others) {
      const shown = listener.onCall === undefined ? '' : ' (on call only)'
      log.plain(`\t${definition.name}: ${definition.trigger.type}${shown}`, 'green')
      log.plain('')
    }
  }
  for (const { definition, disabled } of functions) {
    if (disabled) log.plain(`Function ${definition.name} is disabled.`, 'yellow')
  }
}

/** Why there is nothing to run; `undefined` when there is something. `hasOld`: the app has functions of model v3. */
export function whyNoFunctions(generation: Generation, hasOld: boolean): string | undefined {
  const { functions, worker, only } = generation
  if (functions.some(({ disabled }) => !disabled)) return undefined
  const reason = (): string => {
    if (functions.length > 0) return 'All functions of the app are disabled (AzureWebJobs.<name>.Disabled).'
    if (worker.functions.length > 0) {
      const names = worker.functions.map(({ name }) => name).join(', ')
      return only?.names.length === generation.unknownNames.length
        ? `${only.source} leaves out every function of the app (${names}).`
        : 'Every function of the app is in error; the lines above say why.'
    }
    if (hasOld)
      return 'The app has only functions of the programming model v3 (function.json); func-local runs v4.'
    if (worker.files.length === 0)
      return '"main" in package.json is missing, so nothing was loaded. Set it to the files that register functions, "src/functions/*.js" for example.'
    const files = worker.files.slice(0, MOST_FILES).join(', ')
    const more = worker.files.length > MOST_FILES ? ` and ${worker.files.length - MOST_FILES} more` : ''
    return `"main" in package.json loads ${files}${more}, and none of it registers a function with app.http, app.storageQueue, … of @azure/functions 4.`
  }
  return `No job functions found. ${reason()}`
}

const MOST_FILES = 3
