/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-return -- the shape of these documents is Azure's: a check that misses what it reads has found a fault */
import { globSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** The project's root folder. */
export const ROOT = path.join(import.meta.dirname, '../..')

/** What is checked: the ARM template, and what it creates by default and with every setting set (scripts/check-infra.ts). */
export interface Deployment {
  /** The ARM template that Bicep compiles to. */
  readonly template: unknown
  /** Every setting at its default. */
  readonly byDefault: Snapshot
  /** Every setting set but the store: a virtual network that the app has joined, instances kept warm, an e-mail address for the alerts. */
  readonly tuned: Snapshot
  /** A running app joins a virtual network that is given. */
  readonly joining: Snapshot
  /** Records in Cosmos DB, every other setting at its default. */
  readonly cosmos: Snapshot
  /** The same in a virtual network that the app has joined, with zones, warm instances and an e-mail address. */
  readonly cosmosTuned: Snapshot
  /** The same, of a running app that joins a virtual network that is given. */
  readonly cosmosJoining: Snapshot
  /** Files of the project that must agree with it, by name. */
  readonly files: Record<string, string>
}

/** What a deployment would create, as `bicep snapshot` predicts it. */
export interface Snapshot {
  readonly predictedResources: Resource[]
}

/** One resource. What only Azure knows is left as an expression: `[reference(…)]`. */
export interface Resource {
  id: string
  type: string
  name: string
  properties?: Json
  [property: string]: Json
}

/** A value of JSON whose members can be reached for without knowing that they are there. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the shape is Azure's; every check states what it expects
export type Json = any

/** Files that the checks read. */
const FILES = [
  '.funcignore',
  'azure.yaml',
  'docs/operations.md',
  'host.json',
  'infra/main.bicepparam',
  'infra/package/package.json',
  'infra/load-test/orders.yaml',
  'infra/load-test/locustfile.py',
  'src/functions/orderProcessor.ts',
  'src/functions/queueMonitor.ts',
  'scripts/subscribe-imports.ts',
  'src/main.ts',
  'src/log.ts',
  'src/orders/queueMeter.ts',
  ...globSync('{.github/workflows/*.yml,infra/queries/*.kql}', { cwd: ROOT }),
]

/**
 * Reads what `npm run check:infra` compiled.
 *
 * @throws when it has not
 */
export async function compiledDeployment(): Promise<Deployment> {
  const cache = path.join(ROOT, 'node_modules', '.cache', 'infra')
  const compiled = async (name: string) => JSON.parse(await readFile(path.join(cache, name), 'utf8'))
  try {
    return {
      template: await compiled('template.json'),
      byDefault: (await compiled('default.json')) as Snapshot,
      tuned: (await compiled('tuned.json')) as Snapshot,
      joining: (await compiled('joining.json')) as Snapshot,
      cosmos: (await compiled('cosmos.json')) as Snapshot,
      cosmosTuned: (await compiled('cosmosTuned.json')) as Snapshot,
      cosmosJoining: (await compiled('cosmosJoining.json')) as Snapshot,
      files: Object.fromEntries(
        await Promise.all(FILES.map(async (name) => [name, await fileText(name)] as const)),
      ),
    }
  } catch (cause) {
    throw new Error('The infrastructure is not compiled. Run: npm run check:infra', { cause })
  }
}

/** The text of a file, empty when it is missing: the check that needs it says so. */
async function fileText(name: string): Promise<string> {
  return readFile(path.join(ROOT, name), 'utf8').catch(() => '')
}

/** The resources of a type. */
export function ofType(snapshot: Snapshot, type: string): Resource[] {
  return snapshot.predictedResources.filter((resource) => resource.type === type)
}

/** The one resource of a type. */
export function theOne(snapshot: Snapshot, type: string): Resource {
  const [resource, ...more] = ofType(snapshot, type)
  if (resource === undefined || more.length > 0)
    throw new Error(`${1 + more.length} resources of type ${type}`)
  return resource
}

/** Every template in a template: itself, and those of the modules. */
export function templatesOf(template: Json): Json[] {
  const resources: Json[] = Object.values((template.resources ?? {}) as Record<string, Json>)
  return [
    template,
    ...resources.flatMap((resource) =>
      resource.properties?.template === undefined ? [] : templatesOf(resource.properties.template),
    ),
  ]
}
