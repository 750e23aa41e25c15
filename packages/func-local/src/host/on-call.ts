import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Settings } from '../config/settings.ts'
import type { Registry } from '../registry.ts'
import { isHttpOutput, textOf, type FunctionDefinition, type NamedBinding } from './function.ts'
import type { LoadedFunction } from './generation.ts'

const SHOWN = 5

/**
 * What an app should know of its functions that are called by hand only, and of its bindings that lead nowhere here: one line
 * for each service, one for all inputs, one for all outputs.
 */
export function describeOnCall(
  functions: readonly LoadedFunction[],
  registry: Registry,
  settings: Settings,
  appDirectory: string,
): string[] {
  const enabled = functions.filter(({ disabled }) => !disabled)
  return [
    ...services(enabled, settings, appDirectory),
    ...eventGridBlobs(enabled),
    ...inputs(enabled, registry, settings),
    ...outputs(enabled, registry, settings),
  ]
}

function services(functions: readonly LoadedFunction[], settings: Settings, appDirectory: string): string[] {
  const byService = new Map<string, LoadedFunction[]>()
  for (const fn of functions) {
    const service = fn.listener.onCall?.service
    if (service !== undefined) byService.set(service, [...(byService.get(service) ?? []), fn])
  }
  return [...byService].map(([service, members]) => {
    const names = members.map(({ definition }) => definition.name)
    const is = names.length === 1 ? 'is' : 'are'
    const known = knownServer(members, settings, appDirectory)
    const because = members[0]?.listener.onCall?.because
    const why = because === undefined ? '' : `${because}, so `
    return `${listed(names)} ${is} on call only${known ?? ''}: ${why}func-local does not listen to ${service}. Call by hand: func-local invoke ${names[0] ?? ''}`
  })
}

/** Where the app's settings name a server and the app has a client for it, it might be expected that it is listened to. */
function knownServer(
  members: readonly LoadedFunction[],
  settings: Settings,
  appDirectory: string,
): string | undefined {
  const connections = members.flatMap(({ listener }) => listener.onCall?.connection ?? [])
  const setting = connections.find((name) => namesServer(settings, name))
  const installed = members[0]?.listener.onCall?.packages.find((name) => isInstalled(name, appDirectory))
  return setting === undefined || installed === undefined
    ? undefined
    : `, although '${setting}' names a server and ${installed} is installed`
}

/** A connection string, or a section for an identity, `SB__fullyQualifiedNamespace` for example. */
function namesServer(settings: Settings, connection: string): boolean {
  const setting = /^%(.+)%$/.exec(connection)?.[1] ?? connection
  return (settings.get(setting) ?? '') !== '' || settings.under(`${setting}:`).size > 0
}

function isInstalled(name: string, appDirectory: string): boolean {
  const folders = createRequire(path.join(appDirectory, 'package.json')).resolve.paths(name) ?? []
  return folders.some((folder) => existsSync(path.join(folder, name, 'package.json')))
}

function eventGridBlobs(functions: readonly LoadedFunction[]): string[] {
  const names = functions
    .filter(({ definition: { trigger } }) => isBlobTrigger(trigger) && isFromEventGrid(trigger))
    .map(({ definition }) => definition.name)
  return names.length === 0
    ? []
    : [
        `${listed(names)}: the blob trigger's source is 'EventGrid'; here it polls its container, and looks at once after POST /runtime/webhooks/blobs?functionName=Host.Functions.${names[0] ?? ''}`,
      ]
}

function isBlobTrigger(trigger: NamedBinding): boolean {
  return trigger.type.toLowerCase() === 'blobtrigger'
}

function isFromEventGrid(trigger: NamedBinding): boolean {
  return textOf(trigger, 'source')?.toLowerCase() === 'eventgrid'
}

function inputs(functions: readonly LoadedFunction[], registry: Registry, settings: Settings): string[] {
  const found = functions.flatMap(({ definition }) =>
    capturedOf(
      definition,
      definition.inputs.filter(({ type }) => !isDurableClient(type)),
      registry,
      settings,
    ),
  )
  const [first] = found
  if (first === undefined) return []
  return [
    `Inputs of ${kinds(found)} are undefined here, because func-local does not read these services. Give one a value: func-local invoke ${first.name} --input ${first.type}=@file.json`,
  ]
}

/** Its value is made here, whatever becomes of it. */
function isDurableClient(type: string): boolean {
  return /^(?:durableclient|orchestrationclient)$/i.test(type)
}

function outputs(functions: readonly LoadedFunction[], registry: Registry, settings: Settings): string[] {
  const found = functions.flatMap(({ definition }) =>
    capturedOf(
      definition,
      definition.outputs.filter((binding) => !isHttpOutput(binding)),
      registry,
      settings,
    ),
  )
  return found.length === 0
    ? []
    : [
        `Outputs of ${kinds(found)} are captured: the log shows them, and nothing is written to these services.`,
      ]
}

/** A captured binding of a function. */
interface CapturedBinding {
  readonly type: string
  /** The function. */
  readonly name: string
  readonly because: string | undefined
}

function capturedOf(
  { name }: FunctionDefinition,
  bindings: readonly NamedBinding[],
  registry: Registry,
  settings: Settings,
): CapturedBinding[] {
  return bindings.flatMap((binding) => {
    const { type } = binding
    const captured = registry.binding(type).captured?.(binding, settings)
    return captured === undefined ? [] : [{ type, name, because: captured.because }]
  })
}

/** `type sql ('a', 'b'), type cosmosDB ('c', because 'DB' is not set)` */
function kinds(found: readonly CapturedBinding[]): string {
  return [...Map.groupBy(found, ({ type, because = '' }) => `${type} ${because}`).values()]
    .map((some) => {
      const because = some[0]?.because
      const why = because === undefined ? '' : `, because ${because}`
      return `type ${some[0]?.type ?? ''} (${listed([...new Set(some.map(({ name }) => name))])}${why})`
    })
    .join(', ')
}

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, SHOWN)
    .map((name) => `'${name}'`)
    .join(', ')
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown
}
