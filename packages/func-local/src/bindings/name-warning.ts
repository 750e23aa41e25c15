import { BindingError } from '../host/function.ts'
import type { Services } from '../registry.ts'

/**
 * Checks at the start what inputs and outputs name, and warns: the real host only looks when the function runs, and then the
 * invocation fails.
 */
export function warnOfInvalidName({ log }: Services, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof BindingError)) throw error
    log.warn(`${error.message} Every invocation that uses the binding fails, as in Azure.`)
  }
}
