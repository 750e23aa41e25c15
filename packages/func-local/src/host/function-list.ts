import type { Generation } from './generation.ts'
import type { Log } from './log.ts'

/** Prints the list of functions as Core Tools prints it, HTTP functions first and without time stamps. */
export function printFunctions(log: Log, { functions }: Generation, baseUrl: string): void {
  const enabled = functions.filter(({ disabled }) => !disabled)
  const http = enabled.filter(({ listener }) => listener.endpoint !== undefined)
  const others = enabled.filter(({ listener }) => listener.endpoint === undefined)
  if (enabled.length === 0) {
    log.warn(
      'No job functions found. Check that "main" in package.json matches the built files, and that they register functions with app.http, app.storageQueue, …',
    )
  } else {
    log.plain('')
    log.plain('Functions:', 'yellow')
    log.plain('')
    for (const { definition, listener } of http) {
      const methods = listener.endpoint?.methods ?? []
      const shown = methods.length > 0 ? `[${methods.join(',')}] ` : ''
      log.plain(`\t${definition.name}: ${shown}${baseUrl}/${listener.endpoint?.route ?? ''}`, 'green')
      log.plain('')
    }
    for (const { definition } of others) {
      log.plain(`\t${definition.name}: ${definition.trigger.type}`, 'green')
      log.plain('')
    }
  }
  for (const { definition, disabled } of functions) {
    if (disabled) log.plain(`Function ${definition.name} is disabled.`, 'yellow')
  }
}
