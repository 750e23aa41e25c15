import { BindingError } from '../host/function.ts'
import { blobNameFault, containerNameFault } from '../storage/names.ts'

/** What a blob trigger watches: a container, and which names in it. */
export interface BlobPathPattern {
  readonly container: string
  /** The names that blobs of this pattern begin with; storage can list just those. */
  readonly prefix: string
  /** The pattern's parameters when a blob's name matches it, else `undefined`. */
  readonly match: (blobName: string) => Readonly<Record<string, string>> | undefined
  /** A name that matches the pattern; the given one if it does. */
  readonly example: (wanted?: string) => string
}

const SAMPLE_VALUE = 'sample'
const SAMPLE_NAME = 'sample.txt'
/** Containers that storage itself makes: static websites and its logs. */
const SYSTEM_CONTAINERS = ['$web', '$logs']
const PARAMETER = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g

/**
 * Reads a path pattern: `container`, `container/name`, `container/{folder}/{name}.{ext}`; `{{` and `}}` are braces. Each
 * parameter takes as much as it can, slashes too:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#blob-name-patterns and
 * https://github.com/Azure/azure-webjobs-sdk/blob/dev/src/Microsoft.Azure.WebJobs.Host/Bindings/Path/BindingTemplateToken.cs
 *
 * @throws {BindingError} when the path is no pattern.
 */
export function parseBlobPath(path: string): BlobPathPattern {
  const slash = path.indexOf('/')
  const container = slash < 0 ? path : path.slice(0, slash)
  const names = slash < 0 ? '' : path.slice(slash + 1)
  if (container === '' || (slash >= 0 && names === '')) {
    throw new BindingError(
      `Invalid blob trigger path '${path}'. Paths must be in the format 'container/blob'.`,
    )
  }
  if (container.includes('{')) {
    throw new BindingError(
      `Invalid blob trigger path '${path}'. Container paths cannot contain {resolve} tokens.`,
    )
  }
  const containerFault = SYSTEM_CONTAINERS.includes(container) ? undefined : containerNameFault(container)
  if (containerFault !== undefined)
    throw new BindingError(`Invalid blob trigger path '${path}'. ${containerFault}`)
  if (slash < 0)
    return { container, prefix: '', match: () => ({}), example: (wanted = SAMPLE_NAME) => wanted }

  const parameters: string[] = []
  let expression = ''
  let example = ''
  let prefix = ''
  let last = 0
  const literal = (text: string): void => {
    expression += escapeText(text)
    example += text
    if (parameters.length === 0) prefix += text
  }
  for (const match of names.matchAll(PARAMETER)) {
    literal(names.slice(last, match.index))
    last = match.index + match[0].length
    const [whole, name] = match
    if (whole === '{{' || whole === '}}') literal(whole.charAt(0))
    else if (name === undefined || !/^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name)) {
      throw new BindingError(
        `Invalid blob trigger path '${path}': '${whole}' is not a parameter like {name}.`,
      )
    } else {
      parameters.push(name)
      expression += '(.*)'
      example += SAMPLE_VALUE
    }
  }
  literal(names.slice(last))
  // Without a parameter the pattern is the name of one blob, which must be one that can be.
  const nameFault = parameters.length === 0 ? blobNameFault(prefix) : undefined
  if (nameFault !== undefined) throw new BindingError(`Invalid blob trigger path '${path}'. ${nameFault}`)
  const regex = new RegExp(`^${expression}$`, 's')
  return {
    container,
    prefix,
    match: (blobName) => {
      const found = regex.exec(blobName)
      if (found === null) return undefined
      return Object.fromEntries(parameters.map((name, i) => [name, found[i + 1] ?? '']))
    },
    example: (wanted) => {
      if (wanted === undefined) return example
      // A file's name may be the whole of the blob's, or the last part of it.
      return [wanted, `${prefix}${wanted}`].find((name) => regex.test(name)) ?? example
    },
  }
}

function escapeText(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}
