import { ofType, theOne, type Resource, type Snapshot } from './deployment.ts'

/** The types of what several promises are about. */
export const ACCOUNT = 'Microsoft.Storage/storageAccounts'
export const QUEUE = 'Microsoft.Storage/storageAccounts/queueServices/queues'
export const ROLE = 'Microsoft.Authorization/roleAssignments'
export const IDENTITY = 'Microsoft.ManagedIdentity/userAssignedIdentities'
export const SITE = 'Microsoft.Web/sites'
export const SETTINGS = 'Microsoft.Web/sites/config'
export const REACHABLE = 'Microsoft.Insights/metricAlerts'
export const OPERATORS = 'Microsoft.Insights/actionGroups'
export const NETWORK = 'Microsoft.Network/virtualNetworks'
export const ENDPOINT = 'Microsoft.Network/privateEndpoints'
export const ZONE_GROUP = 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups'
export const COSMOS_ACCOUNT = 'Microsoft.DocumentDB/databaseAccounts'

/** The identity that the app and the host run as. */
export function appIdentity(snapshot: Snapshot): Resource {
  return identityCalled(snapshot, false)
}

/** The identity that the package is stored and fetched as. */
export function deploymentIdentity(snapshot: Snapshot): Resource {
  return identityCalled(snapshot, true)
}

function identityCalled(snapshot: Snapshot, deployment: boolean): Resource {
  const [identity, ...more] = ofType(snapshot, IDENTITY).filter(
    ({ name }) => name.startsWith('id-orders-deploy-') === deployment,
  )
  if (identity === undefined || more.length > 0) throw new Error('not two identities')
  return identity
}

/** The last part of a name: `account/default/orders` is of the queue `orders`. */
export function lastOf(name: string): string {
  return name.split('/').at(-1) ?? ''
}

/** The names of the resources of a type, without those of what they belong to. */
export function namesOf(snapshot: Snapshot, type: string): string[] {
  return ofType(snapshot, type).map(({ name }) => lastOf(name))
}

/** A breach: a resource has another name. */
export function rename(snapshot: Snapshot, type: string, from: string, to: string): void {
  for (const resource of ofType(snapshot, type)) if (lastOf(resource.name) === from) resource.name = to
}

/** A breach: a resource is missing. */
export function remove(snapshot: Snapshot, type: string, name: string): void {
  const at = snapshot.predictedResources.findIndex((r) => r.type === type && lastOf(r.name) === name)
  snapshot.predictedResources.splice(at, 1)
}

/** Takes a setting away. */
export function drop(snapshot: Snapshot, setting: string): void {
  const { [setting]: _, ...rest } = settingsOf(snapshot)
  theOne(snapshot, SETTINGS).properties = rest
}

/** The app settings. */
export function settingsOf(snapshot: Snapshot): Record<string, string> {
  return theOne(snapshot, SETTINGS).properties as Record<string, string>
}

/** True for the expression that answers the client id of an identity. */
export function isClientIdOf(identityId: string, value: string | undefined): boolean {
  return value !== undefined && value.includes(`${identityId}'`) && /\.clientId\]?$/.test(value)
}
