import type { SqlQuerySpec } from '@azure/cosmos'
import { replaceExpressions, resolveSettings } from '../binding-expression.ts'
import type { Settings } from '../config/settings.ts'
import { BindingError } from '../host/function.ts'

const PARAMETER = /^[\p{L}_][\p{L}\p{Nd}_-]*$/u
/** What the host makes itself; it is no value of the trigger. */
const MADE_BY_HOST = ['rand-guid', 'datetime']

/**
 * A query whose binding expressions are parameters of SQL: `{id}` becomes `@id`, with the trigger's value as text. A value cannot
 * change what is asked. `%SETTING%` is a part of the query.
 *
 * https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions.CosmosDB/CosmosDBSqlResolutionPolicy.cs
 *
 * @throws {BindingError} also for `{query.x}` and other names with a dot, which the extension cannot make parameters of.
 */
export function parameterized(
  template: string,
  settings: Settings,
  resolve: (template: string) => string,
): SqlQuerySpec {
  const parameters = new Map<string, string>()
  const query = replaceExpressions(resolveSettings(template, settings), (expression) => {
    const name = expression.trim()
    if (!PARAMETER.test(name) || MADE_BY_HOST.includes(name.toLowerCase())) {
      throw new BindingError(
        `'sqlQuery' of its cosmosDB input has the binding expression '{${expression}}', which cannot be a parameter of SQL: it takes ` +
          `names of the trigger's data, without a dot. Use '{name}' for a value of the route, the query or a JSON message.`,
      )
    }
    parameters.set(`@${name}`, resolve(`{${name}}`))
    return `@${name}`
  })
  return { query, parameters: [...parameters].map(([name, value]) => ({ name, value })) }
}
