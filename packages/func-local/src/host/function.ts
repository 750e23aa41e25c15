import type { BindingInfo, FunctionMetadata, RetryOptions } from '../protocol.ts'

/** A binding with the name the app's library gave it. */
export type NamedBinding = BindingInfo & { readonly name: string; readonly type: string }

/** A function of the app: one trigger, any number of inputs and outputs. */
export interface FunctionDefinition {
  readonly id: string
  readonly name: string
  readonly trigger: NamedBinding
  readonly inputs: readonly NamedBinding[]
  /** Includes the return value, as the binding named {@link RETURN_BINDING}. */
  readonly outputs: readonly NamedBinding[]
  readonly retry: RetryOptions | undefined
}

/** The name of the output binding that takes the handler's return value. */
export const RETURN_BINDING = '$return'

/** A function or one of its bindings cannot be used; the message says why, and what to do. */
export class BindingError extends Error {}

/** @throws {BindingError} when a call of the admin API has no input, and the trigger needs one. */
export function requiredInput(input: string | undefined): string {
  if (input === undefined) throw new BindingError('it needs an input: {"input": "…"}.')
  return input
}

/** Names the real host accepts: https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Utility.cs */
const NAME_PATTERN = /^[a-z][a-z0-9_-]{0,127}$/i

/**
 * Sorts a function's bindings into trigger, inputs and outputs.
 *
 * @throws {BindingError} when the function has no trigger, more than one, or a name the host refuses.
 */
export function defineFunction(metadata: FunctionMetadata): FunctionDefinition {
  if (metadata.name.toLowerCase() === 'host') {
    throw new BindingError(
      "'host' is not a name for a function: the host keeps it for itself. Choose another.",
    )
  }
  if (!NAME_PATTERN.test(metadata.name)) {
    throw new BindingError(
      `'${metadata.name}' is not a valid function name: it must begin with a letter, then letters, digits, '_' or '-', at most 128.`,
    )
  }
  const bindings = Object.entries(metadata.bindings).map(([name, binding]) => named(name, binding))
  const triggers = bindings.filter(({ type }) => /trigger$/i.test(type))
  const [trigger] = triggers
  if (trigger === undefined)
    throw new BindingError('It has no trigger. Register it with one of the app.* methods.')
  if (triggers.length > 1)
    throw new BindingError('It has more than one trigger. Split it into one function for each.')
  return {
    id: metadata.functionId,
    name: metadata.name,
    trigger,
    inputs: bindings.filter((b) => b !== trigger && b.direction !== 'out'),
    outputs: bindings.filter((b) => b !== trigger && b.direction === 'out'),
    retry: metadata.retryOptions,
  }
}

/** The types of bindings that functions have, except the responses of HTTP functions, which come with the trigger. */
export function bindingTypes(functions: readonly FunctionMetadata[]): string[] {
  return functions
    .flatMap(({ bindings }) => Object.values(bindings))
    .filter((binding) => !isHttpOutput(binding))
    .map(({ type = '' }) => type)
}

function named(name: string, binding: BindingInfo): NamedBinding {
  if (binding.type === undefined || binding.type === '')
    throw new BindingError(`Its binding '${name}' has no type.`)
  return { ...binding, name, type: binding.type }
}

/**
 * A text property of a binding by its case-insensitive name, as the real host reads it; `undefined` when it is absent or empty.
 *
 * @throws {BindingError} when it is there but is no text.
 */
export function textOf(binding: NamedBinding, property: string): string | undefined {
  const value = propertyOf(binding, property)
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string')
    throw new BindingError(`'${property}' of its ${binding.type} binding must be text.`)
  return value
}

/** A text property that must be there. */
export function requiredText(binding: NamedBinding, property: string): string {
  const value = textOf(binding, property)
  if (value === undefined) throw new BindingError(`'${property}' of its ${binding.type} binding is missing.`)
  return value
}

/**
 * A number of a binding by its case-insensitive name; `undefined` when it is absent, or 0.
 *
 * @throws {BindingError} when it is there but is no positive whole number.
 */
export function positiveNumberOf(binding: NamedBinding, property: string): number | undefined {
  const value = propertyOf(binding, property)
  if (value === undefined || value === null || value === 0) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value
  throw new BindingError(`'${property}' of its ${binding.type} binding must be a positive whole number.`)
}

/** Any property of a binding by its case-insensitive name. */
export function propertyOf(binding: NamedBinding, property: string): unknown {
  if (property in binding) return binding[property]
  const key = Object.keys(binding).find((k) => k.toLowerCase() === property.toLowerCase())
  return key === undefined ? undefined : binding[key]
}

/** Whether an output is the response of an HTTP function. */
export function isHttpOutput({ type, direction }: BindingInfo): boolean {
  return type?.toLowerCase() === 'http' && direction === 'out'
}

/** Whether the app asked for this binding's data as bytes (`dataType: 'binary'`). */
export function isBinary(binding: NamedBinding): boolean {
  return binding.dataType?.toLowerCase() === 'binary'
}
