import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A request, as bytes or in parts of speech. In both, `<x*500>` stands for 500 times `x`, `<port>` for the host's port. */
export interface RecordedRequest {
  readonly method?: string
  readonly path?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
  readonly body64?: string
  readonly raw?: string
  readonly raw64?: string
  readonly parts?: readonly string[]
  readonly methods?: readonly string[]
  readonly end?: boolean
  readonly timeout?: number
  /** Of a JSON response, keep only the types of these fields. */
  readonly pick?: readonly string[]
}

/** A blob to put. */
export interface RecordedBlob {
  readonly container: string
  readonly name: string
  readonly body?: string
  readonly body64?: string
  readonly contentType?: string
  readonly metadata?: Record<string, string>
  /** `0` when no function runs for it. */
  readonly expect?: number
}

/** What is done to the app, and what is looked at afterwards. */
export interface RecordedDeed extends RecordedRequest {
  readonly start?: true
  readonly queue?: {
    readonly name: string
    readonly text64?: string
    readonly raw?: string
    readonly bytes64?: string
  }
  readonly blob?: RecordedBlob
  readonly put?: readonly RecordedBlob[]
  readonly http?: RecordedRequest
  /** Waits until the app has noted so many events. */
  readonly seen?: number
  readonly wait?: number
  readonly settle?: number
  readonly peek?: readonly string[]
  readonly peekWait?: number
  readonly read?: readonly (readonly [container: string, name: string])[]
  readonly log?: true | number
}

/** How the app or the start of the host is changed. */
export interface Variant {
  /** Files of the app; `null` removes one, an object is JSON. */
  readonly files?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly args?: string
  readonly key?: string
  readonly onlyRecorded?: true
}

/** One thing that was done to the real host, and what it did. */
export interface RecordedCase {
  readonly id: string
  readonly group: string
  readonly app: string
  readonly variant?: Variant
  readonly do: RecordedDeed
  readonly real: Readonly<Record<string, unknown>>
}

/** Cases that one start of a host serves. */
export interface Run {
  readonly app: string
  readonly variant: Variant
  readonly usesStorage: boolean
  readonly cases: readonly RecordedCase[]
}

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** The folder of a recorded app. */
export function appFolder(app: string): string {
  return `${HERE}apps/${app}`
}

/** The names of the groups: one file of cases each. */
export function groupNames(): string[] {
  return readdirSync(`${HERE}cases`)
    .map((file) => file.replace(/\.json$/, ''))
    .sort()
}

/** The cases of a group, gathered into runs. */
export function runsOf(group: string): Run[] {
  const cases = JSON.parse(readFileSync(`${HERE}cases/${group}.json`, 'utf8')) as Omit<
    RecordedCase,
    'group'
  >[]
  const runs = new Map<string, { app: string; variant: Variant; cases: RecordedCase[] }>()
  for (const one of cases) {
    const { app, variant = {} } = one
    // A host with one key for everything cannot be asked with another one.
    if (variant.onlyRecorded) continue
    const key = JSON.stringify([app, variant])
    const run = runs.get(key) ?? { app, variant, cases: [] }
    run.cases.push({ ...one, group })
    runs.set(key, run)
  }
  return [...runs.values()].map((run) => ({
    ...run,
    usesStorage: readdirSync(appFolder(run.app)).includes('uses-storage'),
  }))
}

/** Differences that stay: the reason by the id of the case, or by the beginning of several ids. */
export function acceptedReasons(): ReadonlyMap<string, string> {
  const reasons = JSON.parse(readFileSync(`${HERE}accepted.json`, 'utf8')) as Record<string, string>
  return new Map(Object.entries(reasons))
}
