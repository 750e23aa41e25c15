import path from 'node:path'
import * as v from 'valibot'
import { ConfigurationError, isObject, readJsonFile, type JsonObject } from './json-file.ts'
import type { Settings } from './settings.ts'

/** `host.json` with the environment's overrides on top. */
export interface HostConfig {
  /** The folder of the app. */
  readonly appDirectory: string
  /**
   * Reads one section, for example `extensions.queues`. `shape` gives each key its schema and `defaults` its value
   * when it is absent. A value that breaks its schema is reported once, in one line, and the default is used; so is a
   * key that `shape` does not have, unless `ignored` names it.
   */
  section: <S extends Record<string, v.GenericSchema>>(
    name: string,
    shape: S,
    ignored?: readonly string[],
  ) => { readonly [K in keyof S]?: v.InferOutput<S[K]> }
  /** The raw value at a path, for sections with keys of the app's choosing. */
  raw: (name: string) => unknown
  /** One line for each thing in `host.json` that is not understood. */
  readonly problems: readonly string[]
}

const OVERRIDE = 'AzureFunctionsJobHost:'
// https://learn.microsoft.com/azure/azure-functions/functions-host-json
const TOP_LEVEL = [
  'version', 'aggregator', 'applicationInsights', 'concurrency', 'configurationSource', 'customHandler',
  'extensionBundle', 'extensions', 'functions', 'functionTimeout', 'healthMonitor', 'id', 'isDefaultHostConfig',
  'logging', 'managedDependency', 'mcp', 'retry', 'singleton', 'snapshot', 'telemetryMode', 'watchDirectories',
  'watchFiles', '$schema',
] // prettier-ignore

/**
 * Reads `host.json`. Any value can come from the environment instead:
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
 *
 * @throws {ConfigurationError} when there is no usable `host.json`.
 */
export function readHostConfig(appDirectory: string, settings: Settings): HostConfig {
  const file = path.join(appDirectory, 'host.json')
  const content = readJsonFile(file)
  if (content === undefined) {
    throw new ConfigurationError(
      `There is no host.json in ${appDirectory}. Start in the folder of a function app, or name it with --script-root.`,
    )
  }
  if (content['version'] !== '2.0') {
    throw new ConfigurationError(`${file}: "version" must be "2.0" for this host. Add it and start again.`)
  }
  // A section may be read more than once; each problem is said once.
  const problems = new Set<string>()
  for (const key of Object.keys(content)) {
    if (!TOP_LEVEL.some((known) => known.toLowerCase() === key.toLowerCase())) {
      problems.add(`host.json: "${key}" is not a setting of the Functions host; it is ignored.`)
    }
  }
  const tree = withOverrides(content, settings)
  return {
    appDirectory,
    get problems() {
      return [...problems]
    },
    raw: (name) => lookUp(tree, name.split('.')),
    section: (name, shape, ignored = []) => {
      const raw = lookUp(tree, name.split('.'))
      const result: Record<string, unknown> = {}
      if (raw === undefined || raw === null) return result
      if (!isObject(raw)) {
        problems.add(`host.json: "${name}" must be an object; it is ignored.`)
        return result
      }
      for (const [key, value] of Object.entries(raw)) {
        const known = Object.keys(shape).find((k) => k.toLowerCase() === key.toLowerCase())
        const schema = known === undefined ? undefined : shape[known]
        if (known === undefined || schema === undefined) {
          if (!ignored.some((k) => k.toLowerCase() === key.toLowerCase())) {
            problems.add(`host.json: "${name}.${key}" is not a known setting; it is ignored.`)
          }
          continue
        }
        if (value === null) continue
        const parsed = v.safeParse(schema, value)
        if (parsed.success) result[known] = parsed.output
        else problems.add(`host.json: "${name}.${key}" ${parsed.issues[0].message}; its default is used.`)
      }
      return result
    },
  }
}

function lookUp(tree: JsonObject, names: readonly string[]): unknown {
  let node: unknown = tree
  for (const name of names) {
    if (!isObject(node)) return undefined
    const key = Object.keys(node).find((k) => k.toLowerCase() === name.toLowerCase())
    node = key === undefined ? undefined : node[key]
  }
  return node
}

function withOverrides(content: JsonObject, settings: Settings): JsonObject {
  const tree = structuredClone(content) as Record<string, unknown>
  for (const [name, value] of settings.under(OVERRIDE)) set(tree, name.split(':'), value)
  // Core Tools reads log levels without the prefix too.
  for (const [name, value] of settings.under('logging:logLevel:'))
    set(tree, ['logging', 'logLevel', ...name.split(':')], value)
  return tree
}

function set(tree: Record<string, unknown>, names: readonly string[], value: string): void {
  let node = tree
  for (const [index, name] of names.entries()) {
    const key = Object.keys(node).find((k) => k.toLowerCase() === name.toLowerCase()) ?? name
    if (key === '__proto__') return
    if (index === names.length - 1) {
      node[key] = value
      return
    }
    const next = node[key]
    const child: Record<string, unknown> = isObject(next) ? next : {}
    node[key] = child
    node = child
  }
}
