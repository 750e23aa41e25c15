import type { FunctionDefinition, NamedBinding } from '../../host/function.ts'
import type { OnCall, Services, TriggerEvent } from '../../registry.ts'

/** What a kind of trigger that cannot fire here is given for one call. */
export interface OnCallScope {
  readonly fn: FunctionDefinition
  readonly trigger: NamedBinding
  readonly services: Services
}

/** The part of an event that depends on the kind of trigger. */
export type OnCallEvent = Pick<TriggerEvent, 'data' | 'metadata'> & {
  readonly bindingData: Readonly<Record<string, unknown>>
}

/** A kind of trigger that cannot fire here, because its service is not on this machine or not spoken to. */
export interface OnCallKind {
  /** Binding types, in lower case. */
  readonly types: readonly string[]
  /** The service's name. */
  readonly service: string
  /** The property of the trigger that names the connection's setting; `undefined` when it has none. */
  readonly connectionProperty?: string
  /** See {@link OnCall.packages}. */
  readonly packages?: OnCall['packages']
  /** Data that stands for one event. */
  readonly sample: (trigger: NamedBinding) => string
  /**
   * What the function gets of the data, as the real host gives it.
   *
   * @throws {BindingError} when the data is not in the form that the trigger needs.
   */
  readonly event: (data: Buffer, scope: OnCallScope) => OnCallEvent
}
