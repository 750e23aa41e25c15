/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-return -- the shape of these documents is Azure's: a check that misses what it reads has found a fault */
import type { CosmosClient } from '@azure/cosmos'
import { parse } from 'yaml'
import { createContainer } from '../../src/storage/cosmos.ts'
import { cosmosConnection } from '../../src/storage/cosmosConnection.ts'
import {
  COSMOS_CONNECTION,
  COSMOS_DATABASE,
  EVENTS_QUEUE,
  LEASES_CONTAINER,
  ORDERS_CONTAINER,
} from '../../src/storage/names.ts'
import { ORDER_STORES, orderStore } from '../../src/storage/orderStore.ts'
import { ofType, theOne, type Json, type Resource, type Snapshot } from './deployment.ts'
import { inCosmosDb, inCosmosNetwork, inDefault, inFile, same, unless, type InfraPromise } from './promise.ts'
import {
  appIdentity,
  COSMOS_ACCOUNT,
  deploymentIdentity,
  drop,
  ENDPOINT,
  isClientIdOf,
  namesOf,
  NETWORK,
  OPERATORS,
  QUEUE,
  REACHABLE,
  remove,
  rename,
  settingsOf,
  SITE,
  ZONE_GROUP,
} from './resources.ts'

const QUERY_RULE = 'Microsoft.Insights/scheduledQueryRules'
const DATABASE = `${COSMOS_ACCOUNT}/sqlDatabases`
const CONTAINER = `${COSMOS_ACCOUNT}/sqlDatabases/containers`
const DATA_ROLE = `${COSMOS_ACCOUNT}/sqlRoleDefinitions`
const DATA_GRANT = `${COSMOS_ACCOUNT}/sqlRoleAssignments`
const ZONE = 'Microsoft.Network/privateDnsZones'

const WORKFLOW = '.github/workflows/ci.yml'

/** https://learn.microsoft.com/azure/cosmos-db/reference-data-plane-security */
const DATA_CONTRIBUTOR = '00000000-0000-0000-0000-000000000002'

/** All that the app and the host's trigger do with the records: infra/modules/roles.bicep says what each is for. */
const RECORD_ACTIONS = [
  'readMetadata',
  'sqlDatabases/containers/items/create',
  'sqlDatabases/containers/items/read',
  'sqlDatabases/containers/items/replace',
  'sqlDatabases/containers/readChangeFeed',
].map((action) => `${COSMOS_ACCOUNT}/${action}`)

/** The container of the records, as the code creates it where it may. */
const createdByCode = await recordedContainer()

/** What a deployment with its records in Cosmos DB promises, and one without. */
export const COSMOS_PROMISES: readonly InfraPromise[] = [
  {
    says: 'records are in Cosmos DB by an option that takes what ORDER_STORE takes; by default there is nothing of it',
    violations: ({ template, byDefault, tuned, joining, cosmos, cosmosTuned }) => [
      ...unless(same((template as Json).parameters.store.allowedValues as string[], ORDER_STORES), 'values'),
      ...unless((template as Json).parameters.store.defaultValue === 'tables', 'default'),
      ...[byDefault, tuned, joining].flatMap((snapshot) => [
        ...unless(
          snapshot.predictedResources.every(({ type }) => !type.startsWith('Microsoft.DocumentDB/')),
          'an account by default',
        ),
        ...unless(!/cosmos|documents\.azure/i.test(JSON.stringify(snapshot)), 'something of it by default'),
        ...unless(!namesOf(snapshot, QUEUE).includes(EVENTS_QUEUE), 'a queue of events that has no sender'),
        ...unless(orderStore(settingsOf(snapshot)) === 'tables', 'the code would not use tables'),
      ]),
      ...[cosmos, cosmosTuned].flatMap((snapshot) =>
        unless(orderStore(settingsOf(snapshot)) === 'cosmos', 'the code would use tables'),
      ),
    ],
    breaches: {
      'an account by default': inDefault((s) =>
        s.predictedResources.push({ id: 'x', type: COSMOS_ACCOUNT, name: 'x' }),
      ),
      'Cosmos DB by default': ({ template }) => {
        ;(template as Json).parameters.store.defaultValue = 'cosmos'
      },
      'a store that the code does not know': ({ template }) => {
        ;((template as Json).parameters.store.allowedValues as string[]).push('sql')
      },
      'a zone for nothing': inDefault((s) =>
        s.predictedResources.push({ id: 'x', type: ZONE, name: 'privatelink.documents.azure.com' }),
      ),
      'an account that the code does not use': inCosmosDb((s) => {
        drop(s, 'ORDER_STORE')
      }),
    },
  },
  {
    says: 'the account takes no key, TLS 1.2 or later, and no address or service of Azure has a way around the network',
    violations: inBoth((snapshot) => {
      const { properties } = theOne(snapshot, COSMOS_ACCOUNT)
      return [
        ...unless(properties.disableLocalAuth === true, 'keys'),
        ...unless(properties.disableKeyBasedMetadataWriteAccess === true, 'keys for containers'),
        ...unless(properties.minimalTlsVersion === 'Tls12', 'TLS'),
        ...unless(same(properties.ipRules as string[], []), 'addresses'),
        ...unless(properties.networkAclBypass === 'None', 'services of Azure'),
      ]
    }),
    breaches: {
      'keys on': inCosmosDb((s) => (theOne(s, COSMOS_ACCOUNT).properties.disableLocalAuth = false)),
      'keys left to the default': inCosmosNetwork(
        (s) => delete theOne(s, COSMOS_ACCOUNT).properties.disableLocalAuth,
      ),
      'containers by key': inCosmosDb(
        (s) => delete theOne(s, COSMOS_ACCOUNT).properties.disableKeyBasedMetadataWriteAccess,
      ),
      'TLS 1.0': inCosmosDb((s) => (theOne(s, COSMOS_ACCOUNT).properties.minimalTlsVersion = 'Tls')),
      'an address': inCosmosNetwork((s) =>
        theOne(s, COSMOS_ACCOUNT).properties.ipRules.push({ ipAddressOrRange: '0.0.0.0' }),
      ),
      'any service of Azure': inCosmosNetwork(
        (s) => (theOne(s, COSMOS_ACCOUNT).properties.networkAclBypass = 'AzureServices'),
      ),
    },
  },
  {
    says: 'the account is serverless and strongly consistent, in one region, with a backup of every second of seven days',
    violations: ({ cosmos, cosmosTuned }) => [
      ...[cosmos, cosmosTuned].flatMap((snapshot) => {
        const { properties, ...account } = theOne(snapshot, COSMOS_ACCOUNT)
        return [
          ...unless(account['kind'] === 'GlobalDocumentDB', 'another API'),
          ...unless(
            same(
              (properties.capabilities as Json[]).map(({ name }) => String(name)),
              ['EnableServerless'],
            ),
            'throughput is provisioned',
          ),
          ...unless(properties.consistencyPolicy.defaultConsistencyLevel === 'Strong', 'consistency'),
          ...unless(
            properties.locations.length === 1 &&
              properties.locations[0].locationName === account['location'] &&
              properties.enableMultipleWriteLocations === false,
            'regions',
          ),
          ...unless(
            properties.backupPolicy.type === 'Continuous' &&
              properties.backupPolicy.continuousModeProperties.tier === 'Continuous7Days',
            'backup',
          ),
        ]
      }),
      ...unless(
        theOne(cosmos, COSMOS_ACCOUNT).properties.locations[0].isZoneRedundant === false,
        'zones by default',
      ),
      ...unless(
        theOne(cosmosTuned, COSMOS_ACCOUNT).properties.locations[0].isZoneRedundant === true,
        'zones with STORAGE_REDUNDANCY',
      ),
    ],
    breaches: {
      'an instance may not see what another one has written': inCosmosDb(
        (s) => (theOne(s, COSMOS_ACCOUNT).properties.consistencyPolicy.defaultConsistencyLevel = 'Session'),
      ),
      'provisioned throughput': inCosmosDb((s) => (theOne(s, COSMOS_ACCOUNT).properties.capabilities = [])),
      'two regions': inCosmosDb((s) =>
        theOne(s, COSMOS_ACCOUNT).properties.locations.push({ locationName: 'northeurope' }),
      ),
      'periodic backups': inCosmosDb(
        (s) => (theOne(s, COSMOS_ACCOUNT).properties.backupPolicy = { type: 'Periodic' }),
      ),
      'zones are ignored': inCosmosNetwork(
        (s) => (theOne(s, COSMOS_ACCOUNT).properties.locations[0].isZoneRedundant = false),
      ),
    },
  },
  {
    says: 'database, containers and the queue of events are those of the code, with its partition key and its index',
    violations: inBoth((snapshot) => {
      const containers = ofType(snapshot, CONTAINER)
      const named = (name: string) =>
        containers.find(({ id }) => id.endsWith(`/sqlDatabases/${COSMOS_DATABASE}/containers/${name}`))
          ?.properties.resource
      const orders = named(ORDERS_CONTAINER)
      return [
        ...unless(same(namesOf(snapshot, DATABASE), [COSMOS_DATABASE]), 'database'),
        ...unless(
          theOne(snapshot, DATABASE).properties.resource.id === COSMOS_DATABASE,
          'id of the database',
        ),
        ...unless(same(namesOf(snapshot, CONTAINER), [ORDERS_CONTAINER, LEASES_CONTAINER]), 'containers'),
        ...unless(orders?.id === createdByCode.id, 'id of the container'),
        ...unless(
          same(orders?.partitionKey.paths as string[], createdByCode.partitionKey.paths as string[]),
          'partition key',
        ),
        ...unless(
          JSON.stringify(orders?.indexingPolicy) === JSON.stringify(createdByCode.indexingPolicy),
          'index',
        ),
        ...unless(orders?.defaultTtl === undefined, 'records expire'),
        // The host wants this one, and queries by more than the id.
        ...unless(
          same(named(LEASES_CONTAINER)?.partitionKey.paths as string[], ['/id']),
          'key of the leases',
        ),
        ...unless(named(LEASES_CONTAINER)?.indexingPolicy === undefined, 'index of the leases'),
        ...unless(namesOf(snapshot, QUEUE).includes(EVENTS_QUEUE), 'queue'),
      ]
    }),
    breaches: {
      'another container': inCosmosDb((s) => {
        rename(s, CONTAINER, ORDERS_CONTAINER, 'records')
      }),
      'no leases': inCosmosNetwork((s) => {
        remove(s, CONTAINER, LEASES_CONTAINER)
      }),
      'another database': inCosmosDb((s) => (theOne(s, DATABASE).properties.resource.id = 'shop')),
      'another partition key': inCosmosDb(
        (s) => (containerOf(s, ORDERS_CONTAINER).partitionKey.paths = ['/item']),
      ),
      'everything is indexed': inCosmosDb((s) => delete containerOf(s, ORDERS_CONTAINER).indexingPolicy),
      'records expire': inCosmosDb((s) => (containerOf(s, ORDERS_CONTAINER).defaultTtl = 86400)),
      'leases that can’t be queried': inCosmosDb(
        (s) => (containerOf(s, LEASES_CONTAINER).indexingPolicy = { indexingMode: 'none' }),
      ),
      'no queue for the events': inCosmosDb((s) => {
        remove(s, QUEUE, EVENTS_QUEUE)
      }),
    },
  },
  {
    says: 'the app’s identity creates, reads and replaces records, and reads their changes; it keeps the leases; nobody else may anything',
    violations: inBoth((snapshot) => {
      const account = theOne(snapshot, COSMOS_ACCOUNT).id
      const role = theOne(snapshot, DATA_ROLE)
      const database = `${account}/dbs/${COSMOS_DATABASE}`
      const grants = ofType(snapshot, DATA_GRANT)
      return [
        ...unless(role.properties.type === 'CustomRole' && role.properties.permissions.length === 1, 'role'),
        ...unless(
          same(role.properties.permissions[0].dataActions as string[], RECORD_ACTIONS),
          'what the role allows',
        ),
        ...unless(same(role.properties.assignableScopes as string[], [database]), 'where it can be granted'),
        ...unless(
          same(
            grants.map(
              ({ properties }) => `${String(properties.roleDefinitionId)} on ${String(properties.scope)}`,
            ),
            [
              `${role.id} on ${database}`,
              `${account}/sqlRoleDefinitions/${DATA_CONTRIBUTOR} on ${database}/colls/${LEASES_CONTAINER}`,
            ],
          ),
          'what is granted',
        ),
        ...grants.flatMap(({ name, properties }) =>
          unless(
            String(properties.principalId).includes(`${appIdentity(snapshot).id}'`) &&
              String(properties.principalId).endsWith('.principalId]'),
            `${name} is somebody else’s`,
          ),
        ),
      ]
    }),
    breaches: {
      'the app may delete records': inCosmosDb((s) =>
        theOne(s, DATA_ROLE).properties.permissions[0].dataActions.push(
          `${COSMOS_ACCOUNT}/sqlDatabases/containers/items/delete`,
        ),
      ),
      'the trigger can’t read changes': inCosmosDb((s) =>
        theOne(s, DATA_ROLE).properties.permissions[0].dataActions.pop(),
      ),
      'the client library can’t ask for partitions': inCosmosNetwork((s) =>
        theOne(s, DATA_ROLE).properties.permissions[0].dataActions.shift(),
      ),
      'the leases’ role on the records': inCosmosDb((s) => {
        for (const grant of ofType(s, DATA_GRANT))
          grant.properties.scope = `${theOne(s, COSMOS_ACCOUNT).id}/dbs/orders`
      }),
      'on the account': inCosmosNetwork((s) => {
        for (const grant of ofType(s, DATA_GRANT)) grant.properties.scope = theOne(s, COSMOS_ACCOUNT).id
      }),
      'the built-in role for the records': inCosmosDb((s) => {
        for (const grant of ofType(s, DATA_GRANT)) grant.properties.roleDefinitionId = contributorOf(s)
      }),
      'the deployment’s identity': inCosmosDb((s) => {
        for (const grant of ofType(s, DATA_GRANT))
          grant.properties.principalId = String(grant.properties.principalId).replace(
            appIdentity(s).id,
            deploymentIdentity(s).id,
          )
      }),
      'one grant more': inCosmosDb((s) => {
        const [grant] = ofType(s, DATA_GRANT)
        if (grant !== undefined) s.predictedResources.push(structuredClone(grant))
      }),
      'one grant fewer': inCosmosNetwork((s) => {
        removeAll(s, ({ type }) => type === DATA_GRANT)
      }),
    },
  },
  {
    says: 'the code and the host’s trigger reach the account as the app’s identity',
    violations: inBoth((snapshot) => {
      const settings = settingsOf(snapshot)
      const endpoint = settings[`${COSMOS_CONNECTION}__accountEndpoint`] ?? ''
      // Azure puts the address in; the code's own reading of the rest.
      const connection = cosmosConnection({
        ...settings,
        [`${COSMOS_CONNECTION}__accountEndpoint`]: endpoint && 'https://account.documents.azure.com:443/',
      })
      return [
        ...unless(
          endpoint.includes(`${theOne(snapshot, COSMOS_ACCOUNT).id}'`) &&
            endpoint.endsWith('.documentEndpoint]'),
          'address',
        ),
        ...unless(connection.kind === 'identity', 'the code would not use an identity'),
        ...unless(
          connection.kind === 'identity' && isClientIdOf(appIdentity(snapshot).id, connection.clientId),
          'client id',
        ),
        ...unless(settings[`${COSMOS_CONNECTION}__credential`] === 'managedidentity', 'credential'),
      ]
    }),
    breaches: {
      'a connection string': inCosmosDb((s) => {
        settingsOf(s)[COSMOS_CONNECTION] = 'AccountEndpoint=https://a.documents.azure.com;AccountKey=b'
      }),
      'no address': inCosmosDb((s) => {
        drop(s, `${COSMOS_CONNECTION}__accountEndpoint`)
      }),
      'another account': inCosmosNetwork((s) => {
        settingsOf(s)[`${COSMOS_CONNECTION}__accountEndpoint`] = 'https://other.documents.azure.com/'
      }),
      'no client id': inCosmosDb((s) => {
        drop(s, `${COSMOS_CONNECTION}__clientId`)
      }),
      'the client id of the deployment’s identity': inCosmosDb((s) => {
        const name = `${COSMOS_CONNECTION}__clientId`
        settingsOf(s)[name] = (settingsOf(s)[name] ?? '').replace(appIdentity(s).id, deploymentIdentity(s).id)
      }),
      'no credential': inCosmosDb((s) => {
        drop(s, `${COSMOS_CONNECTION}__credential`)
      }),
    },
  },
  {
    says: 'orderChanged is kept warm with the processors, and only where it is registered',
    violations: ({ tuned, cosmosTuned, files }) => {
      const name = /app\.cosmosDB\('(\w+)'/.exec(files['src/main.ts'] ?? '')?.[1]
      const group = (snapshot: Snapshot) =>
        (theOne(snapshot, SITE).properties.functionAppConfig.scaleAndConcurrency.alwaysReady as Json[]).find(
          (ready) => ready.name === `function:${String(name)}`,
        )
      return [
        ...unless(group(cosmosTuned)?.instanceCount === 2, 'it is not'),
        ...unless(group(tuned) === undefined, 'with tables'),
      ]
    },
    breaches: {
      'it is forgotten': inCosmosNetwork((s) =>
        theOne(s, SITE).properties.functionAppConfig.scaleAndConcurrency.alwaysReady.pop(),
      ),
      'it has another name': inFile('src/main.ts', (text) => text.replace("'orderChanged'", "'changed'")),
    },
  },
  {
    says: 'with a virtual network the account has a private address and no other, in given subnets and zones too; it closes once the app has joined',
    violations: ({ template, cosmos, cosmosTuned, cosmosJoining }) => {
      const account = theOne(cosmosTuned, COSMOS_ACCOUNT)
      const zone = ofType(cosmosTuned, ZONE).find(({ name }) => name === 'privatelink.documents.azure.com')
      const given = endpointOf(cosmosJoining)
      const [open, closed, ...more] = ofType(cosmosJoining, COSMOS_ACCOUNT)
      return [
        ...unless(theOne(cosmos, COSMOS_ACCOUNT).properties.publicNetworkAccess === 'Enabled', 'no network'),
        ...unless(ofType(cosmos, ENDPOINT).length === 0, 'an endpoint without a network'),
        ...unless(account.properties.publicNetworkAccess === 'Disabled', 'public access'),
        ...unless(
          endpointOf(cosmosTuned)?.properties.privateLinkServiceConnections[0].properties
            .privateLinkServiceId === account.id,
          'endpoint',
        ),
        ...unless(
          String(endpointOf(cosmosTuned)?.properties.subnet.id).startsWith(theOne(cosmosTuned, NETWORK).id),
          'subnet',
        ),
        ...unless(zoneIdOf(cosmosTuned) === zone?.id, 'zone'),
        ...unless(
          ofType(cosmosTuned, `${ZONE}/virtualNetworkLinks`).some(
            ({ id, properties }) =>
              id.startsWith(`${String(zone?.id)}/`) &&
              properties.virtualNetwork.id === theOne(cosmosTuned, NETWORK).id,
          ),
          'the network does not ask the zone',
        ),
        ...unless(
          String(given?.properties.subnet.id).endsWith('/vnet-hub/subnets/endpoints'),
          'given subnet',
        ),
        ...unless(
          /\/resourceGroups\/rg-hub\/.*\/privatelink\.documents\.azure\.com$/.test(zoneIdOf(cosmosJoining)),
          'given zone',
        ),
        ...unless(ofType(cosmosJoining, ZONE).length === 0, 'zones of its own'),
        ...unless(open?.properties.publicNetworkAccess === 'Enabled', 'closed while the app is outside'),
        ...unless(closed?.properties.publicNetworkAccess === 'Disabled', 'never closed'),
        // A property that differs would be a second change, which the account may refuse.
        ...unless(
          JSON.stringify(open).replace('"Enabled"', '"Disabled"') === JSON.stringify(closed),
          'closing changes something else',
        ),
        ...unless(more.length === 0, 'more accounts'),
        ...unless(
          (((template as Json).resources.closeCosmos?.dependsOn ?? []) as string[]).includes('app'),
          'closed before the app has joined',
        ),
      ]
    },
    breaches: {
      'it stays public': inCosmosNetwork(
        (s) => (theOne(s, COSMOS_ACCOUNT).properties.publicNetworkAccess = 'Enabled'),
      ),
      'no endpoint': inCosmosNetwork((s) => {
        const endpoint = endpointOf(s)
        removeAll(s, (resource) => resource === endpoint)
      }),
      'another account’s endpoint': inCosmosNetwork((s) => {
        const endpoint = endpointOf(s)
        if (endpoint !== undefined)
          endpoint.properties.privateLinkServiceConnections[0].properties.privateLinkServiceId = 'other'
      }),
      'no zone': inCosmosNetwork((s) => {
        remove(s, ZONE, 'privatelink.documents.azure.com')
      }),
      'nobody asks the zone': inCosmosNetwork((s) => {
        removeAll(s, ({ type }) => type === `${ZONE}/virtualNetworkLinks`)
      }),
      'the given zone is ignored': ({ cosmosJoining }) => {
        for (const group of ofType(cosmosJoining, ZONE_GROUP)) group.properties.privateDnsZoneConfigs = []
      },
      'the given subnet is ignored': ({ cosmosJoining }) => {
        for (const endpoint of ofType(cosmosJoining, ENDPOINT)) endpoint.properties.subnet.id = 'other'
      },
      'closed first': ({ cosmosJoining }) => {
        const [open] = ofType(cosmosJoining, COSMOS_ACCOUNT)
        if (open !== undefined) open.properties.publicNetworkAccess = 'Disabled'
      },
      'closed at the same time': ({ template }) => {
        ;(template as Json).resources.closeCosmos.dependsOn = []
      },
      'never closed': ({ cosmosJoining: snapshot }) => {
        snapshot.predictedResources.splice(
          snapshot.predictedResources.findLastIndex(({ type }) => type === COSMOS_ACCOUNT),
          1,
        )
      },
    },
  },
  {
    says: 'operators are alerted to requests that Cosmos DB refuses as too many, and docs/operations.md says what to do',
    violations: ({ cosmos, cosmosTuned, files }) => {
      const alert = throttledOf(cosmos)
      const [criterion, ...more] = (alert?.properties.criteria.allOf ?? []) as Json[]
      return [
        ...unless(alert?.properties.enabled === true, 'off'),
        ...unless(
          same((alert?.properties.scopes ?? []) as string[], [theOne(cosmos, COSMOS_ACCOUNT).id]),
          'another account',
        ),
        // https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-documentdb-databaseaccounts-metrics
        ...unless(
          more.length === 0 &&
            criterion?.metricName === 'TotalRequests' &&
            criterion.timeAggregation === 'Count',
          'metric',
        ),
        ...unless(
          JSON.stringify(criterion?.dimensions) ===
            JSON.stringify([{ name: 'StatusCode', operator: 'Include', values: ['429'] }]),
          'status',
        ),
        ...unless(criterion?.operator === 'GreaterThan' && criterion.threshold === 100, 'threshold'),
        ...unless(
          throttledOf(cosmosTuned)?.properties.actions[0]?.actionGroupId ===
            theOne(cosmosTuned, OPERATORS).id,
          'nobody is told',
        ),
        ...unless((files['docs/operations.md'] ?? '').includes('`orders-throttled`'), 'docs/operations.md'),
      ]
    },
    breaches: {
      'no alert': inCosmosDb((s) => {
        remove(s, REACHABLE, 'orders-throttled')
      }),
      off: inCosmosDb((s) => {
        for (const alert of ofType(s, REACHABLE)) alert.properties.enabled = false
      }),
      'every request counts': inCosmosDb((s) => {
        for (const alert of ofType(s, REACHABLE))
          alert.properties.criteria.allOf?.forEach((one: Json) => delete one.dimensions)
      }),
      'nobody is told': inCosmosNetwork((s) => {
        for (const alert of ofType(s, REACHABLE)) alert.properties.actions = []
      }),
      'nobody knows what to do': inFile('docs/operations.md', (text) =>
        text.replaceAll('orders-throttled', 'x'),
      ),
    },
  },
  {
    says: 'operators are alerted to events that are not sent, where there are events, and docs/operations.md says what to do',
    violations: ({ byDefault, cosmos, cosmosTuned, files }) => {
      const rule = (snapshot: Snapshot) =>
        ofType(snapshot, QUERY_RULE).find(({ name }) => name === 'orders-events-failed')
      const [criterion] = (rule(cosmos)?.properties.criteria.allOf ?? []) as Json[]
      return [
        ...unless(rule(byDefault) === undefined, 'without events'),
        ...unless(rule(cosmos)?.properties.enabled === true, 'off'),
        ...unless(String(criterion?.query).includes('{"event":"changes"'), 'another event'),
        ...unless(criterion?.operator === 'GreaterThan' && criterion.threshold === 3, 'threshold'),
        ...unless(rule(cosmosTuned)?.properties.actions.actionGroups.length === 1, 'nobody is told'),
        ...unless(
          (files['docs/operations.md'] ?? '').includes('`orders-events-failed`'),
          'docs/operations.md',
        ),
      ]
    },
    breaches: {
      'no alert': inCosmosDb((s) => {
        remove(s, QUERY_RULE, 'orders-events-failed')
      }),
      'an alert without events': inDefault((s) => {
        for (const rule of ofType(s, QUERY_RULE)) rule.name = 'orders-events-failed'
      }),
      'a batch may fail for an hour': inCosmosDb((s) => {
        for (const rule of ofType(s, QUERY_RULE)) rule.properties.criteria.allOf[0].threshold = 60
      }),
      'nobody is told': inCosmosNetwork((s) => {
        for (const rule of ofType(s, QUERY_RULE)) rule.properties.actions.actionGroups = []
      }),
      'nobody knows what to do': inFile('docs/operations.md', (text) =>
        text.replaceAll('orders-events-failed', 'x'),
      ),
    },
  },
  {
    says: 'the package of azd and the one of the workflow are built for the store',
    violations: ({ files }) => {
      const workflow = parse(files[WORKFLOW] ?? '')
      const build = JSON.parse(files['infra/package/package.json'] ?? '{}').scripts?.build
      return [
        ...unless(build === 'node ../../scripts/package.ts', 'build script of azd'),
        ...unless(workflow?.jobs?.package?.env?.STORE === '${{ vars.STORE }}', 'package of the workflow'),
        ...unless(
          (workflow?.jobs?.package?.steps as Json[]).some(({ run }) =>
            String(run).includes('node scripts/package.ts'),
          ),
          'script of the workflow',
        ),
      ]
    },
    breaches: {
      'the workflow forgets it': inFile(WORKFLOW, (text) => text.replace(/ +STORE: .*\n/, '')),
      'the workflow builds another way': inFile(WORKFLOW, (text) =>
        text.replace('node scripts/package.ts', 'npm run build'),
      ),
      'azd builds another way': inFile('infra/package/package.json', (text) =>
        text.replace('node ../../scripts/package.ts', 'npm run build --prefix ../..'),
      ),
    },
  },
]

/** A check of both deployments with Cosmos DB. */
function inBoth(check: (snapshot: Snapshot) => string[]): InfraPromise['violations'] {
  return ({ cosmos, cosmosTuned }) => [
    ...check(cosmos),
    ...check(cosmosTuned).map((violation) => `in a network: ${violation}`),
  ]
}

/** The definition with which the code creates the container of the records. */
async function recordedContainer(): Promise<Json> {
  let definition: Json
  const databases = { create: () => Promise.resolve() }
  const containers = {
    create: (body: Json) => {
      definition = body
      return Promise.resolve()
    },
  }
  const client = { databases, database: () => ({ containers }) } as unknown as CosmosClient
  await createContainer(client, AbortSignal.timeout(1000))
  return definition
}

/** A breach: the resources that are meant are missing. */
function removeAll({ predictedResources }: Snapshot, meant: (resource: Resource) => boolean): void {
  predictedResources.splice(0, Infinity, ...predictedResources.filter((resource) => !meant(resource)))
}

function containerOf(snapshot: Snapshot, name: string): Json {
  return ofType(snapshot, CONTAINER).find(({ id }) => id.endsWith(`/containers/${name}`))?.properties.resource
}

function contributorOf(snapshot: Snapshot): string {
  return `${theOne(snapshot, COSMOS_ACCOUNT).id}/sqlRoleDefinitions/${DATA_CONTRIBUTOR}`
}

function throttledOf(snapshot: Snapshot): Resource | undefined {
  return ofType(snapshot, REACHABLE).find(({ name }) => name === 'orders-throttled')
}

function endpointOf(snapshot: Snapshot): Resource | undefined {
  return ofType(snapshot, ENDPOINT).find(({ properties }) =>
    same(properties.privateLinkServiceConnections[0].properties.groupIds as string[], ['Sql']),
  )
}

/** The zone that the endpoint's name is put into. */
function zoneIdOf(snapshot: Snapshot): string {
  const group = ofType(snapshot, ZONE_GROUP).find(({ id }) =>
    id.startsWith(`${String(endpointOf(snapshot)?.id)}/`),
  )
  return String(group?.properties.privateDnsZoneConfigs[0]?.properties.privateDnsZoneId)
}
