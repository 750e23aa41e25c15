import { BindingError } from '../host/function.ts'

const EXPRESSION = /\{[^{}]+\}/g
const BAD_NAME = /[/#?& ]|%7b|%7d/i

/** A resource's URI, or a template of such URIs: `logs://{date}/{name}`. */
export interface ResourceUri {
  readonly isTemplate: boolean
  /** The parameters' values when a URI is meant, case-insensitive; else `undefined`. */
  readonly match: (uri: string) => ReadonlyMap<string, string> | undefined
}

/**
 * Reads a resource's URI with the rules of
 * https://github.com/Azure/azure-functions-mcp-extension/blob/main/src/Microsoft.Azure.Functions.Extensions.Mcp/Utilities/ResourceUriHelper.cs
 *
 * @throws {BindingError} for a URI with which the extension does not register a resource.
 */
export function readResourceUri(uri: string): ResourceUri {
  const names = [...uri.matchAll(EXPRESSION)].map(([expression]) => expression.slice(1, -1))
  check(uri, names)
  if (names.length === 0) {
    return {
      isTemplate: false,
      match: (given) => (given.toLowerCase() === uri.toLowerCase() ? new Map() : undefined),
    }
  }
  const pattern = patternOf(uri)
  return {
    isTemplate: true,
    match: (given) => {
      const values = pattern.exec(given)?.slice(1)
      return values === undefined ? undefined : new Map(names.map((name, i) => [name, values[i] ?? '']))
    },
  }
}

function check(uri: string, names: readonly string[]): void {
  const refuse = (reason: string): never => {
    throw new BindingError(`'${uri}' is not a URI for a resource: ${reason}.`)
  }
  const rest = uri.replace(EXPRESSION, '')
  if (/[{}]/.test(rest)) refuse('its braces do not match, or hold nothing')
  if (uri.includes('}{')) refuse('two parameters must have text between them')
  const seen = new Set<string>()
  for (const name of names) {
    if (name.trim() === '') refuse('a parameter has no name')
    if (BAD_NAME.test(name)) refuse(`the parameter '${name}' has characters that a name cannot have`)
    // The extension matches with .NET's regular expressions, whose group names are made of these.
    const group = name.replace(/\W/g, '_').toLowerCase()
    if (seen.has(group)) refuse(`the parameter '${name}' is there twice`)
    seen.add(group)
  }
  if (!isAbsolute(uri.replace(EXPRESSION, 'template')))
    refuse('it must be absolute, with a scheme, such as file://readme.md')
}

/** .NET's `Uri` takes an absolute path of Unix for a file's URI, too; here it must be written out. */
function isAbsolute(uri: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(uri) && !/\s/.test(uri) && URL.canParse(uri)
}

/** A value ends at the next slash, or in a query at the next ampersand. */
function patternOf(uri: string): RegExp {
  let pattern = ''
  let end = 0
  for (const { 0: expression, index } of uri.matchAll(EXPRESSION)) {
    pattern += escaped(uri.slice(end, index))
    pattern += /[?&]/.test(uri.charAt(index - 1)) ? '([^&#]+)' : '([^/?#]+)'
    end = index + expression.length
  }
  return new RegExp(`^${pattern}${escaped(uri.slice(end))}$`, 'i')
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
