import path from 'node:path'
import * as v from 'valibot'
import { nearest } from '../nearest.ts'
import { ConfigurationError, isObject, readJsonFile, type JsonObject } from './json-file.ts'
import type { Settings } from './settings.ts'
import { configurationText } from './value-schemas.ts'

/** `host.json` with the environment's overrides on top. */
export interface HostConfig {
  /** The folder of the app. */
  readonly appDirectory: string
  /**
   * Reads one section, for example `extensions.queues`; `''` is the top level. `shape` gives each key its schema. A key
   * that `shape` does not have is reported once, in one line, unless `ignored` names it; at the top level it is not.
   *
   * @throws {ConfigurationError} for a value that breaks its schema: the real host does not start with it.
   */
  section: <S extends Record<string, v.GenericSchema>>(
    name: string,
    shape: S,
    ignored?: readonly string[],
  ) => { readonly [K in keyof S]?: v.InferOutput<S[K]> }
  /** The raw value at a path, for sections with keys of the app's choosing. */
  raw: (name: string) => unknown
  /** The texts of a list, `functions` for example; empty when there is none. */
  list: (name: string) => readonly string[]
  /** The error for the value at a path of keys that cannot be used; `what` goes on with 'must …'. */
  refusal: (keys: readonly string[], what: string) => ConfigurationError
  /** One line for each thing in `host.json` that is not understood. */
  readonly problems: readonly string[]
  /** Adds a line to {@link problems}. */
  report: (line: string) => void
}

const OVERRIDE = 'AzureFunctionsJobHost:'
const LEVELS = 'logging:logLevel:'

/**
 * Reads `host.json`. Any value can come from the environment instead:
 * https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
 *
 * @throws {ConfigurationError} when there is no usable `host.json`.
 */
export function readHostConfig(appDirectory: string, settings: Settings): HostConfig {
  const file = path.join(appDirectory, 'host.json')
  const content = readJsonFile(file)?.content
  if (content === undefined) {
    throw new ConfigurationError(
      `There is no host.json in ${appDirectory}. Start in the folder of a function app, or name it with --script-root.`,
    )
  }
  // A section may be read more than once; each problem is reported once.
  const problems = new Set<string>()
  checkVersion(file, content, problems)
  const overrides = overridesIn(settings)
  const tree = structuredClone(content) as Record<string, unknown>
  for (const { names, value } of overrides) set(tree, names, value)

  const refusal = (keys: readonly string[], what: string): ConfigurationError => {
    const override = overrides.find(({ names }) => sameKeys(names, keys))
    const place =
      override === undefined ? `host.json: "${keys.join('.')}"` : `The setting ${override.setting}`
    const value = override === undefined ? JSON.stringify(lookUp(tree, keys)) : `'${override.value}'`
    return new ConfigurationError(
      `${place} is ${value}, but it ${what}. The Functions host does not start with this value, in Azure neither; correct it.`,
    )
  }

  return {
    appDirectory,
    get problems() {
      return [...problems]
    },
    report: (line) => problems.add(line),
    raw: (name) => (name === '' ? tree : lookUp(tree, name.split('.'))),
    list: (name) => {
      const raw = lookUp(tree, name.split('.'))
      if (typeof raw !== 'object' || raw === null) return []
      return Object.values(raw).flatMap((value) => configurationText(value) ?? [])
    },
    refusal,
    section: (name, shape, ignored = []) => {
      const raw = name === '' ? tree : lookUp(tree, name.split('.'))
      const result: Record<string, unknown> = {}
      if (raw === undefined || raw === null) return result
      if (!isObject(raw)) {
        problems.add(`host.json: "${name}" must be an object; it is ignored.`)
        return result
      }
      for (const [key, value] of Object.entries(raw)) {
        const known = Object.keys(shape).find((k) => sameKey(k, key))
        const schema = known === undefined ? undefined : shape[known]
        const full = name === '' ? key : `${name}.${key}`
        if (known === undefined || schema === undefined) {
          if (name !== '' && !ignored.some((k) => sameKey(k, key))) {
            const meant = nearest(key, Object.keys(shape))
            problems.add(
              `host.json: "${full}" is not a known setting; it is ignored.${meant === undefined ? '' : ` Did you mean "${meant}"?`}`,
            )
          }
          continue
        }
        const parsed = v.safeParse(schema, value)
        if (parsed.success) result[known] = parsed.output
        else if (configurationText(value) === undefined && parsed.issues[0].path === undefined)
          // .NET finds no text for such a value, and leaves the option as it is.
          problems.add(`host.json: "${full}" ${parsed.issues[0].message}; it is ignored.`)
        else throw refusal(full.split('.'), parsed.issues[0].message)
      }
      return result
    },
  }
}

function checkVersion(file: string, content: JsonObject, problems: Set<string>): void {
  if (Object.keys(content).length === 0) {
    problems.add(`${file} is empty and counts as { "version": "2.0" }. Write that into it.`)
    return
  }
  const version = configurationText(content['version'] ?? null)
  if (version === '2.0') return
  const found = version === '' ? 'is missing' : `is ${JSON.stringify(content['version'])}`
  throw new ConfigurationError(
    `${file}: "version" ${found}, but it must be "2.0", whatever the version of the Functions runtime. Write "version": "2.0" into it.`,
  )
}

interface Override {
  readonly names: readonly string[]
  readonly value: string
  readonly setting: string
}

function overridesIn(settings: Settings): readonly Override[] {
  const split = (name: string): string[] => name.split(':')
  return [
    ...[...settings.under(OVERRIDE)].map(([name, value]) => ({
      names: split(name),
      value,
      setting: `AzureFunctionsJobHost__${name.replaceAll(':', '__')}`,
    })),
    // Core Tools reads log levels without the prefix too.
    ...[...settings.under(LEVELS)].map(([name, value]) => ({
      names: ['logging', 'logLevel', ...split(name)],
      value,
      setting: `logging__logLevel__${name.replaceAll(':', '__')}`,
    })),
  ]
}

function sameKey(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => sameKey(key, b[index] ?? ''))
}

function lookUp(tree: JsonObject, names: readonly string[]): unknown {
  let node: unknown = tree
  for (const name of names) {
    if (!isObject(node)) return undefined
    const key = Object.keys(node).find((k) => sameKey(k, name))
    node = key === undefined ? undefined : node[key]
  }
  return node
}

function set(tree: Record<string, unknown>, names: readonly string[], value: string): void {
  let node = tree
  for (const [index, name] of names.entries()) {
    const key = Object.keys(node).find((k) => sameKey(k, name)) ?? name
    if (key === '__proto__') return
    if (index === names.length - 1) {
      node[key] = value
      return
    }
    const next = node[key]
    // The items of a list are keys '0', '1', … to .NET's configuration, and are overridden one by one.
    const child: Record<string, unknown> = isObject(next)
      ? next
      : Object.fromEntries(Array.isArray(next) ? next.map((item, i) => [String(i), item]) : [])
    node[key] = child
    node = child
  }
}
