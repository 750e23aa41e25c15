import type { FunctionMetadata } from '../protocol.ts'

interface ExtraOutputs {
  set: (output: unknown, value: unknown) => void
}

const said = new Set<string>()

/**
 * Says once for each function and output that a value is lost: `context.extraOutputs` takes values for outputs that the
 * function was not registered with, and the library drops them.
 */
export function reportLostOutputs(
  context: unknown,
  { name, bindings }: FunctionMetadata,
  report: (message: string) => void,
): void {
  const outputs = extraOutputsOf(context)
  if (outputs === undefined) return
  const { set } = outputs
  outputs.set = function (this: unknown, output, value) {
    const given = nameOf(output)
    if (given !== undefined && !Object.hasOwn(bindings, given) && !said.has(`${name} ${given}`)) {
      said.add(`${name} ${given}`)
      report(
        `Function '${name}' sets the extra output ${describe(output)}, with which it was not registered: the value is lost, in Azure too. Add it to its extraOutputs.`,
      )
    }
    set.call(outputs, output, value)
  }
}

function extraOutputsOf(context: unknown): ExtraOutputs | undefined {
  if (typeof context !== 'object' || context === null || !('extraOutputs' in context)) return undefined
  const { extraOutputs } = context
  const isUsable =
    typeof extraOutputs === 'object' &&
    extraOutputs !== null &&
    'set' in extraOutputs &&
    typeof extraOutputs.set === 'function'
  return isUsable ? (extraOutputs as ExtraOutputs) : undefined
}

function nameOf(output: unknown): string | undefined {
  if (typeof output === 'string') return output
  return typeof output === 'object' && output !== null && 'name' in output && typeof output.name === 'string'
    ? output.name
    : undefined
}

/** The names that the library makes say little; what the output writes to says more. */
function describe(output: unknown): string {
  if (typeof output !== 'object' || output === null) return `'${String(output)}'`
  const { type, queueName, path, tableName } = output as Readonly<Record<string, unknown>>
  const target = [queueName, path, tableName].find((value) => typeof value === 'string')
  return [typeof type === 'string' ? type : '', target === undefined ? '' : `'${target}'`].join(' ').trim()
}
