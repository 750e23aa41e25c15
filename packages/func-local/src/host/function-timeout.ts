import type { HostConfig } from '../config/host-config.ts'
import { parseTimeSpan } from '../config/time-span.ts'

const DEFAULT = '00:30:00'
const UNLIMITED = '-1'

/** How long an invocation may take. */
export interface FunctionTimeout {
  readonly milliseconds: number
  /** As it is written in `host.json`. */
  readonly text: string
}

/**
 * Reads `functionTimeout`; `undefined` means no limit. Without the setting it is half an hour, as in every plan but
 * Consumption: https://learn.microsoft.com/azure/azure-functions/functions-host-json#functiontimeout
 */
export function readFunctionTimeout(
  hostConfig: HostConfig,
  warn: (line: string) => void,
): FunctionTimeout | undefined {
  const raw = hostConfig.raw('functionTimeout')
  const text =
    raw === undefined || raw === null ? DEFAULT : typeof raw === 'string' ? raw : JSON.stringify(raw)
  if (text.trim() === UNLIMITED) return undefined
  const milliseconds = parseTimeSpan(text)
  if (milliseconds !== undefined && milliseconds > 0) return { milliseconds, text }
  warn(
    `host.json: "functionTimeout" must be a time span such as "00:05:00", or "-1"; its default (${DEFAULT}) is used.`,
  )
  return { milliseconds: parseTimeSpan(DEFAULT) ?? 0, text: DEFAULT }
}
