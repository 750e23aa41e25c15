import { BindingError } from '../host/function.ts'

const PIECE = /('?)(\{[^{}]*\})('?)/g
const NO_LITERAL = /^(?:true|false|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/i

/**
 * Puts values into an OData filter. Inside quotes (`'{name}'`) a value's own quotes are doubled; outside, only numbers
 * and booleans are let in: a value cannot change what is asked. A filter that is nothing but `{filter}` is taken as it is.
 *
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/tables/Microsoft.Azure.WebJobs.Extensions.Tables/src/TableFilterFormatter.cs
 *
 * @throws {BindingError}
 */
export function resolveFilter(filter: string, resolve: (template: string) => string): string {
  if (/^\{[^{}]*\}$/.test(filter)) return resolve(filter)
  let result = ''
  let last = 0
  for (const match of filter.matchAll(PIECE)) {
    const [whole, before = '', expression = '', after = ''] = match
    result += resolve(filter.slice(last, match.index))
    last = match.index + whole.length
    const value = resolve(expression)
    if (before !== '' && after !== '') result += `'${value.replaceAll("'", "''")}'`
    else if (NO_LITERAL.test(value)) result += before + value + after
    else {
      throw new BindingError(
        `An invalid parameter value was specified for filter parameter '${expression}': outside quotes only numbers, true and false can be used.`,
      )
    }
  }
  return result + resolve(filter.slice(last))
}
