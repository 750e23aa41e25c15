/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-argument -- the shape of these documents is Azure's: a check that misses what it reads has found a fault */
import { logLine } from '../../src/log.ts'
import { storageConnection } from '../../src/storage/connection.ts'
import {
  COSMOS_CONNECTION,
  EVENTS_QUEUE,
  IMPORT_REPORTS_CONTAINER,
  IMPORTS_CONTAINER,
  MOST_QUEUES,
  numberedQueues,
  ORDERS_QUEUE,
  ORDERS_TABLE,
  POISON_QUEUE,
  poisonQueueOf,
  QUEUES_SETTING,
  STORAGE_CONNECTION,
  STORE_SETTING,
} from '../../src/storage/names.ts'
import { orderQueueCount } from '../../src/storage/queueCount.ts'
import { PACKAGE_FILES } from '../../scripts/package.ts'
import {
  ofType,
  templatesOf,
  theOne,
  type Deployment,
  type Json,
  type Resource,
  type Snapshot,
} from './deployment.ts'
import { DELIVERY_PROMISES } from './delivery.ts'
import { inDefault, inFile, inTuned, same, unless, type InfraPromise } from './promise.ts'
import { QUERY_PROMISES } from './queries.ts'
import { COSMOS_PROMISES } from './cosmos.ts'
import {
  ACCOUNT,
  appIdentity,
  COSMOS_ACCOUNT,
  deploymentIdentity,
  drop,
  ENDPOINT,
  isClientIdOf,
  lastOf,
  namesOf,
  NETWORK,
  OPERATORS,
  QUEUE,
  REACHABLE,
  remove,
  rename,
  ROLE,
  SETTINGS,
  settingsOf,
  SITE,
  ZONE_GROUP,
} from './resources.ts'

const CONTAINER = 'Microsoft.Storage/storageAccounts/blobServices/containers'
const TABLE = 'Microsoft.Storage/storageAccounts/tableServices/tables'
const PLAN = 'Microsoft.Web/serverfarms'
const CREDENTIALS = 'Microsoft.Web/sites/basicPublishingCredentialsPolicies'
const TOPIC = 'Microsoft.EventGrid/systemTopics'
const INSIGHTS = 'Microsoft.Insights/components'
const WORKSPACE = 'Microsoft.OperationalInsights/workspaces'
const VAULT = 'Microsoft.KeyVault/vaults'
const HEALTH = 'Microsoft.Insights/activityLogAlerts'
const WEB_TEST = 'Microsoft.Insights/webtests'
const ALERT = 'Microsoft.Insights/scheduledQueryRules'
const WORKBOOK = 'Microsoft.Insights/workbooks'

/** The roles of the app's identity: infra/modules/roles.bicep says what each is for. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const ROLES = [
  'Storage Queue Data Contributor on queues/orders',
  'Storage Queue Data Message Sender on queues/orders-poison',
  'Storage Queue Data Reader on storageAccounts/*',
  'Storage Queue Data Contributor on queues/azure-webjobs-blobtrigger-*',
  'Storage Queue Data Message Sender on queues/webjobs-blobtrigger-poison',
  'Storage Blob Data Contributor on containers/import-reports',
  'Storage Table Data Contributor on tables/orders',
  'Storage Blob Data Owner on containers/azure-webjobs-hosts',
  'Storage Blob Data Reader on storageAccounts/*',
  'Monitoring Metrics Publisher on components/*',
]

/** Its roles on the queues that orders are spread over, and on the host's poison queues of those. */
const numberedRoles = (count: number) =>
  numberedQueues(count).flatMap((queue) => [
    `Storage Queue Data Contributor on queues/${queue}`,
    `Storage Queue Data Message Sender on queues/${poisonQueueOf(queue)}`,
  ])

/** Its role on the queue of the events about orders. */
const SEND_EVENTS = `Storage Queue Data Message Sender on queues/${EVENTS_QUEUE}`

/** Where it keeps the function keys: in the storage account, or in a key vault. */
const KEYS_IN_STORAGE = 'Storage Blob Data Owner on containers/azure-webjobs-secrets'
const KEYS_IN_VAULT = 'Key Vault Secrets Officer on vaults/*'

/** The role of the identity that the package is stored and fetched as. */
const DEPLOYMENT_ROLES = ['Storage Blob Data Contributor on containers/deployments']

const ROLE_NAMES: Record<string, string> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1': 'Storage Blob Data Reader',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  '19e7f393-937e-4f77-808e-94535e297925': 'Storage Queue Data Reader',
  'b86a8fe4-44ce-4948-aee5-eccb2c155cd6': 'Key Vault Secrets Officer',
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': 'Storage Queue Data Message Sender',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
}

/** The app settings, all of them: nobody hides a secret behind a name of his own. */
const SETTING_NAMES = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes',
  'AzureFunctionsWebHost__hostid',
  'AzureWebJobsFeatureFlags',
  'IMPORT_SOURCE',
  `${STORAGE_CONNECTION}__accountName`,
  `${STORAGE_CONNECTION}__blobServiceUri`,
  `${STORAGE_CONNECTION}__clientId`,
  `${STORAGE_CONNECTION}__credential`,
  `${STORAGE_CONNECTION}__queueServiceUri`,
  `${STORAGE_CONNECTION}__tableServiceUri`,
  QUEUES_SETTING,
]

/** And those of the function keys in a key vault. */
const VAULT_SETTING_NAMES = [
  'AzureWebJobsSecretStorageKeyVaultClientId',
  'AzureWebJobsSecretStorageKeyVaultUri',
  'AzureWebJobsSecretStorageType',
]

/** And those of records in Cosmos DB. */
const COSMOS_SETTING_NAMES = [
  STORE_SETTING,
  `${COSMOS_CONNECTION}__accountEndpoint`,
  `${COSMOS_CONNECTION}__clientId`,
  `${COSMOS_CONNECTION}__credential`,
]

const ALERTS = [
  'orders-failing',
  'orders-imports-failed',
  'orders-poisoned',
  'orders-slo-availability',
  'orders-slo-latency',
  'orders-slo-queue-age',
  'orders-unavailable',
  'orders-unmeasured',
  'orders-waiting',
]

/** The promises, each checked on the default deployment, on the one with every setting set, and on those with Cosmos DB. */
export const PROMISES: readonly InfraPromise[] = [
  {
    says: 'no key is read: no list*() function anywhere',
    violations: ({ template }) => JSON.stringify(template).match(/\blist\w*\(/g) ?? [],
    breaches: {
      'an output reads the account keys': ({ template }) => {
        outputsOf(template)['key'] = {
          type: 'string',
          value: `[listKeys(resourceId('${ACCOUNT}', 'a'), '2025-01-01').keys[0].value]`,
        }
      },
      'a setting reads a key of the host': (deployment) => {
        const nested = templatesOf(deployment.template).at(-1)
        nested.variables = {
          key: "[listKeys(resourceId('Microsoft.Web/sites/host', 'a', 'default'), '2025-03-01')]",
        }
      },
    },
  },
  {
    says: 'no output and no parameter is a secret',
    violations: ({ template }) =>
      templatesOf(template).flatMap((nested) => [
        ...Object.entries((nested.outputs ?? {}) as Record<string, Json>).flatMap(([name, output]) =>
          isSecure(output.type) || SECRET.test(`${name} ${String(output.value)}`) ? [`output ${name}`] : [],
        ),
        ...Object.entries((nested.parameters ?? {}) as Record<string, Json>).flatMap(([name, parameter]) =>
          isSecure(parameter.type) || SECRET.test(name) ? [`parameter ${name}`] : [],
        ),
      ]),
    breaches: {
      'an output is a connection string': ({ template }) => {
        outputsOf(template)['insights'] = {
          type: 'string',
          value: "[reference('insights').ConnectionString]",
        }
      },
      'an output is secure': ({ template }) => {
        outputsOf(template)['token'] = { type: 'securestring', value: 'x' }
      },
      'a module gives out a key': ({ template }) => {
        const nested = templatesOf(template).at(-1)
        nested.outputs = { instrumentationKey: { type: 'string', value: 'x' } }
      },
      'a parameter is a password': ({ template }) => {
        ;(template as Json).parameters.adminPassword = { type: 'string' }
      },
    },
  },
  {
    says: 'storage takes no shared key',
    violations: inEach((snapshot) => {
      const { properties } = theOne(snapshot, ACCOUNT)
      return unless(properties.allowSharedKeyAccess === false, 'allowSharedKeyAccess')
    }),
    breaches: {
      'shared keys on': inDefault((s) => (theOne(s, ACCOUNT).properties.allowSharedKeyAccess = true)),
      'left to the default': inTuned((s) => delete theOne(s, ACCOUNT).properties.allowSharedKeyAccess),
    },
  },
  {
    says: 'HTTPS only, TLS 1.2 or later',
    violations: inEach((snapshot) => {
      const account = theOne(snapshot, ACCOUNT).properties
      const site = theOne(snapshot, SITE).properties
      return [
        ...unless(account.supportsHttpsTrafficOnly === true, 'storage takes HTTP'),
        ...unless(
          account.minimumTlsVersion === 'TLS1_2' || account.minimumTlsVersion === 'TLS1_3',
          'storage TLS',
        ),
        ...unless(site.httpsOnly === true, 'the app takes HTTP'),
        ...unless(
          site.siteConfig.minTlsVersion === '1.2' || site.siteConfig.minTlsVersion === '1.3',
          'app TLS',
        ),
      ]
    }),
    breaches: {
      'storage takes HTTP': inDefault(
        (s) => (theOne(s, ACCOUNT).properties.supportsHttpsTrafficOnly = false),
      ),
      'storage takes TLS 1.0': inDefault((s) => (theOne(s, ACCOUNT).properties.minimumTlsVersion = 'TLS1_0')),
      'the app takes HTTP': inDefault((s) => (theOne(s, SITE).properties.httpsOnly = false)),
      'the app takes TLS 1.1': inDefault(
        (s) => (theOne(s, SITE).properties.siteConfig.minTlsVersion = '1.1'),
      ),
    },
  },
  {
    says: 'no blob is public',
    violations: inEach((snapshot) => [
      ...unless(
        theOne(snapshot, ACCOUNT).properties.allowBlobPublicAccess === false,
        'allowBlobPublicAccess',
      ),
      ...ofType(snapshot, CONTAINER).flatMap(({ name, properties }) =>
        unless(properties.publicAccess === 'None', `container ${name}`),
      ),
    ]),
    breaches: {
      'the account allows it': inDefault((s) => (theOne(s, ACCOUNT).properties.allowBlobPublicAccess = true)),
      'a container is public': inDefault((s) => {
        for (const container of ofType(s, CONTAINER)) container.properties.publicAccess = 'Blob'
      }),
    },
  },
  {
    says: 'the queues and the table are those of the code, and the poison queue is the one the host knows',
    violations: inEach((snapshot) => [
      ...unless(
        same(namesOf(snapshot, QUEUE), [
          ORDERS_QUEUE,
          POISON_QUEUE,
          ...numberedQueues(queueCount(snapshot)).flatMap((queue) => [queue, poisonQueueOf(queue)]),
          ...[`azure-webjobs-blobtrigger-${theOne(snapshot, SITE).name}`, 'webjobs-blobtrigger-poison'],
          ...(inCosmos(snapshot) ? [EVENTS_QUEUE] : []),
        ]),
        'queues',
      ),
      ...unless(same(namesOf(snapshot, TABLE), [ORDERS_TABLE]), 'tables'),
      // https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger#poison-messages
      ...unless((POISON_QUEUE as string) === `${ORDERS_QUEUE}-poison`, 'the poison queue of the host'),
    ]),
    breaches: {
      'a queue has another name': inDefault((s) => {
        rename(s, QUEUE, 'orders-poison', 'orders-dead')
      }),
      'a queue is missing': inDefault((s) => {
        remove(s, QUEUE, 'orders')
      }),
      'a numbered queue is missing': inTuned((s) => {
        remove(s, QUEUE, 'orders-2')
      }),
      'the host’s poison queue of a numbered queue is missing': inTuned((s) => {
        remove(s, QUEUE, 'orders-1-poison')
      }),
      'the table has another name': inDefault((s) => {
        rename(s, TABLE, 'orders', 'order')
      }),
    },
  },
  {
    says: 'files of orders are found by the events of the account, in the containers of the code, by the function of the code',
    violations: ({ byDefault, tuned, files }) => [
      ...[byDefault, tuned].flatMap((snapshot) => [
        ...[IMPORTS_CONTAINER, IMPORT_REPORTS_CONTAINER].flatMap((name) =>
          unless(namesOf(snapshot, CONTAINER).includes(name), `container ${name}`),
        ),
        ...unless(settingsOf(snapshot)['IMPORT_SOURCE'] === 'EventGrid', 'source'),
        ...unless(
          settingsOf(snapshot)['AzureFunctionsWebHost__hostid'] === theOne(snapshot, SITE).name,
          'host id of the queue',
        ),
        ...unless(
          theOne(snapshot, TOPIC).properties.source === theOne(snapshot, ACCOUNT).id,
          'events of another account',
        ),
      ]),
      ...unless(
        (files['scripts/subscribe-imports.ts'] ?? '').includes("'Host.Functions.importOrders'") &&
          (files['src/main.ts'] ?? '').includes("app.storageBlob('importOrders'"),
        'function of the subscription',
      ),
      ...unless(
        (files['scripts/subscribe-imports.ts'] ?? '').includes(`CONTAINER = '${IMPORTS_CONTAINER}'`),
        'container of the subscription',
      ),
      ...unless((files['azure.yaml'] ?? '').includes('node scripts/subscribe-imports.ts'), 'hook'),
    ],
    breaches: {
      'a container is missing': inDefault((s) => {
        remove(s, CONTAINER, 'import-reports')
      }),
      'the host looks at the container': inDefault((s) => {
        settingsOf(s)['IMPORT_SOURCE'] = 'LogsAndContainerScan'
      }),
      'another host id': inTuned((s) => {
        settingsOf(s)['AzureFunctionsWebHost__hostid'] = 'orders'
      }),
      'events of another account': inDefault((s) => (theOne(s, TOPIC).properties.source = 'other')),
      'another function': inFile('scripts/subscribe-imports.ts', (text) =>
        text.replace('Host.Functions.importOrders', 'Host.Functions.imports'),
      ),
      'another container': inFile('scripts/subscribe-imports.ts', (text) =>
        text.replace("CONTAINER = 'imports'", "CONTAINER = 'files'"),
      ),
      'nobody subscribes': inFile('azure.yaml', (text) => text.replace('subscribe-imports', 'nothing')),
    },
  },
  {
    says: 'the settings are those listed, and by them the host and the code reach storage as the identity',
    violations: inEach((snapshot) => {
      const settings = settingsOf(snapshot)
      const identity = appIdentity(snapshot)
      const account = theOne(snapshot, ACCOUNT).name
      const connection = storageConnection(settings)
      return [
        ...unless(
          same(Object.keys(settings), [
            ...SETTING_NAMES,
            ...(ofType(snapshot, VAULT).length > 0 ? VAULT_SETTING_NAMES : []),
            ...(inCosmos(snapshot) ? COSMOS_SETTING_NAMES : []),
          ]),
          'setting names',
        ),
        // https://github.com/Azure/azure-functions-host/issues/11787
        ...unless(settings[`${STORAGE_CONNECTION}__accountName`] === account, 'account name'),
        // The code's own reading of them.
        ...unless(connection.kind === 'identity', 'the code would not use an identity'),
        ...unless(
          connection.kind === 'identity' && connection.clientId !== undefined,
          'the code knows no client id',
        ),
        ...['blob', 'queue', 'table'].flatMap((service) => {
          const uri = settings[`${STORAGE_CONNECTION}__${service}ServiceUri`] ?? ''
          return unless(uri.includes(`.${service}.`) && uri.includes(account), `${service} address`)
        }),
        ...unless(settings[`${STORAGE_CONNECTION}__credential`] === 'managedidentity', 'credential'),
        ...unless(isClientIdOf(identity.id, settings[`${STORAGE_CONNECTION}__clientId`]), 'client id'),
        ...Object.entries(settings).flatMap(([name, value]) =>
          unless(!/AccountKey|SharedAccess|sig=|password/i.test(value), `secret in ${name}`),
        ),
      ]
    }),
    breaches: {
      'a connection string': inDefault((s) => {
        settingsOf(s)[STORAGE_CONNECTION] = 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b'
      }),
      'no address for the blobs': inDefault((s) => {
        drop(s, `${STORAGE_CONNECTION}__blobServiceUri`)
      }),
      'the queue address is the blobs’': inDefault((s) => {
        const settings = settingsOf(s)
        settings[`${STORAGE_CONNECTION}__queueServiceUri`] =
          settings[`${STORAGE_CONNECTION}__blobServiceUri`] ?? ''
      }),
      'no client id': inDefault((s) => {
        drop(s, `${STORAGE_CONNECTION}__clientId`)
      }),
      'no account name': inDefault((s) => {
        drop(s, `${STORAGE_CONNECTION}__accountName`)
      }),
      'the client id of the deployment’s identity': inDefault((s) => {
        const settings = settingsOf(s)
        const name = `${STORAGE_CONNECTION}__clientId`
        settings[name] = (settings[name] ?? '').replace(appIdentity(s).id, deploymentIdentity(s).id)
      }),
      'another connection': inDefault((s) => {
        const properties = theOne(s, SETTINGS).properties as Record<string, string>
        theOne(s, SETTINGS).properties = Object.fromEntries(
          Object.entries(properties).map(([name, value]) => [
            name.replace(STORAGE_CONNECTION, 'OrdersStorage'),
            value,
          ]),
        )
      }),
      'a password': inDefault((s) => {
        settingsOf(s)['AzureWebJobsFeatureFlags'] = 'Password=x'
      }),
    },
  },
  {
    says: `the app's identity has exactly these roles: ${ROLES.join('; ')}; and one for its keys; the deployment's has one`,
    violations: inEach((snapshot) => {
      const app = appIdentity(snapshot)
      const deployment = deploymentIdentity(snapshot)
      const vault = ofType(snapshot, VAULT).length > 0
      return [
        ...exactly(
          grantedTo(snapshot, app),
          [
            ...ROLES,
            ...numberedRoles(queueCount(snapshot)),
            ...(inCosmos(snapshot) ? [SEND_EVENTS] : []),
            vault ? KEYS_IN_VAULT : KEYS_IN_STORAGE,
          ],
          'app',
        ),
        ...exactly(grantedTo(snapshot, deployment), DEPLOYMENT_ROLES, 'deployment'),
        ...unless(
          grantedTo(snapshot, app).length + grantedTo(snapshot, deployment).length ===
            ofType(snapshot, ROLE).length,
          'somebody else has a role',
        ),
        ...unless(ofType(snapshot, 'Microsoft.Authorization/roleDefinitions').length === 0, 'a custom role'),
        ...unless(
          same(Object.keys(theOne(snapshot, SITE)['identity'].userAssignedIdentities), [
            app.id,
            deployment.id,
          ]),
          'the app runs as somebody else',
        ),
        ...unless(
          theOne(snapshot, SITE)['identity'].type === 'UserAssigned',
          'the app has another identity, too',
        ),
      ]
    }),
    breaches: {
      'one more role': inTuned((s) => {
        const role = structuredClone(ofType(s, ROLE)[0])
        if (role === undefined) return
        role.properties.roleDefinitionId = '/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c'
        s.predictedResources.push(role)
      }),
      'a role fewer': inDefault((s) =>
        s.predictedResources.splice(
          s.predictedResources.findIndex((r) => r.type === ROLE),
          1,
        ),
      ),
      'a numbered queue without a role': inTuned((s) => {
        const at = s.predictedResources.findIndex(
          ({ id, type }) => type === ROLE && id.includes('/queues/orders-2/'),
        )
        s.predictedResources.splice(at, 1)
      }),
      'a wider scope': inDefault((s) => {
        for (const role of ofType(s, ROLE))
          role.id = role.id.replace(/\/queueServices\/default\/queues\/[^/]*/, '')
      }),
      'a stronger role': inDefault((s) => {
        for (const role of ofType(s, ROLE)) {
          role.properties.roleDefinitionId = String(role.properties.roleDefinitionId).replace(
            'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
            '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
          )
        }
      }),
      'somebody else': inDefault((s) => {
        for (const role of ofType(s, ROLE))
          role.properties.principalId = '11111111-1111-1111-1111-111111111111'
      }),
      'the app may write the package': inDefault((s) => {
        const role = ofType(s, ROLE).find(({ id }) => id.includes('/containers/deployments/'))
        if (role !== undefined)
          role.properties.principalId = String(role.properties.principalId).replace(
            deploymentIdentity(s).id,
            appIdentity(s).id,
          )
      }),
      'the health check may not list containers': inDefault((s) => {
        const at = s.predictedResources.findIndex(({ properties }) =>
          String(properties?.roleDefinitionId).includes('2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'),
        )
        s.predictedResources.splice(at, 1)
      }),
      'keys in the vault, and the app may not read them': inTuned((s) => {
        const at = s.predictedResources.findIndex(({ properties }) =>
          String(properties?.roleDefinitionId).includes('b86a8fe4-44ce-4948-aee5-eccb2c155cd6'),
        )
        s.predictedResources.splice(at, 1)
      }),
      'a system-assigned identity, too': inDefault((s) => {
        theOne(s, SITE)['identity'].type = 'SystemAssigned, UserAssigned'
      }),
    },
  },
  {
    says: 'telemetry is sent as the identity, and Application Insights and the workspace take it no other way',
    violations: inEach((snapshot) => {
      const settings = settingsOf(snapshot)
      const [mode, clientId, ...more] = authenticationOf(
        settings['APPLICATIONINSIGHTS_AUTHENTICATION_STRING'],
      )
      return [
        ...unless(theOne(snapshot, INSIGHTS).properties.DisableLocalAuth === true, 'Application Insights'),
        ...unless(theOne(snapshot, WORKSPACE).properties.features?.disableLocalAuth === true, 'workspace'),
        ...unless(
          mode === 'Authorization=AAD;ClientId={0}' &&
            isClientIdOf(appIdentity(snapshot).id, clientId) &&
            more.length === 0,
          'authentication string',
        ),
        ...unless(
          (settings['APPLICATIONINSIGHTS_CONNECTION_STRING'] ?? '').includes(theOne(snapshot, INSIGHTS).id),
          'connection string',
        ),
      ]
    }),
    breaches: {
      'by key': inDefault((s) => (theOne(s, INSIGHTS).properties.DisableLocalAuth = false)),
      'the workspace by key': inDefault((s) => delete theOne(s, WORKSPACE).properties.features),
      'no authentication string': inDefault(
        (s) => delete settingsOf(s)['APPLICATIONINSIGHTS_AUTHENTICATION_STRING'],
      ),
    },
  },
  {
    says: 'deployments are stored and published as an identity: no publish profile',
    violations: inEach((snapshot) => {
      const { storage } = theOne(snapshot, SITE).properties.functionAppConfig.deployment
      return [
        ...unless(
          storage.type === 'blobContainer' && String(storage.value).includes(theOne(snapshot, ACCOUNT).name),
          'where',
        ),
        ...unless(
          namesOf(snapshot, CONTAINER).some((name) => String(storage.value).includes(`/${name}'`)),
          'the container does not exist',
        ),
        ...unless(storage.authentication.type === 'UserAssignedIdentity', 'how'),
        ...unless(
          storage.authentication.userAssignedIdentityResourceId === deploymentIdentity(snapshot).id,
          'who',
        ),
        ...['ftp', 'scm'].flatMap((name) =>
          unless(
            ofType(snapshot, CREDENTIALS).some(
              (policy) => lastOf(policy.name) === name && policy.properties.allow === false,
            ),
            `${name} credentials`,
          ),
        ),
      ]
    }),
    breaches: {
      'by connection string': inDefault((s) => {
        theOne(s, SITE).properties.functionAppConfig.deployment.storage.authentication.type =
          'StorageAccountConnectionString'
      }),
      'into a container that is not there': inDefault((s) => {
        remove(s, CONTAINER, 'deployments')
      }),
      'as the app itself': inDefault((s) => {
        theOne(
          s,
          SITE,
        ).properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId =
          appIdentity(s).id
      }),
      'with a publish profile': inDefault((s) => {
        for (const policy of ofType(s, CREDENTIALS)) policy.properties.allow = true
      }),
    },
  },
  {
    says: 'the app is Node 24 on Flex Consumption, Linux',
    violations: inEach((snapshot) => {
      const plan = theOne(snapshot, PLAN)
      const site = theOne(snapshot, SITE)
      const { runtime } = site.properties.functionAppConfig
      return [
        ...unless(plan['sku'].name === 'FC1' && plan['sku'].tier === 'FlexConsumption', 'plan'),
        ...unless(plan.properties.reserved === true && site['kind'] === 'functionapp,linux', 'Linux'),
        ...unless(site.properties.serverFarmId === plan.id, 'the app is on another plan'),
        ...unless(runtime.name === 'node' && runtime.version === '24', 'runtime'),
      ]
    }),
    breaches: {
      'Node 22': inDefault((s) => (theOne(s, SITE).properties.functionAppConfig.runtime.version = '22')),
      'another plan': inDefault((s) => (theOne(s, PLAN)['sku'] = { name: 'Y1', tier: 'Dynamic' })),
      Windows: inDefault((s) => (theOne(s, SITE)['kind'] = 'functionapp')),
    },
  },
  {
    says: 'memory, HTTP concurrency, maximum and always-ready instances are parameters',
    violations: ({ byDefault, tuned, files }) => {
      const scaling = (snapshot: Snapshot) =>
        JSON.stringify(theOne(snapshot, SITE).properties.functionAppConfig.scaleAndConcurrency)
      const processor = /app\.storageQueue\('(\w+)'/.exec(files['src/main.ts'] ?? '')?.[1]
      return [
        ...unless(scaling(byDefault) === JSON.stringify(expectedScaling([], 40, 2048, 16)), 'defaults'),
        ...unless(
          scaling(tuned) ===
            JSON.stringify(
              expectedScaling(
                [
                  { name: 'http', instanceCount: 1 },
                  { name: `function:${String(processor)}`, instanceCount: 2 },
                  ...numberedQueues(queueCount(tuned)).map((_, number) => ({
                    name: `function:${String(processor)}${number}`,
                    instanceCount: 2,
                  })),
                ],
                100,
                4096,
                50,
              ),
            ),
          'set',
        ),
        ...unless(theOne(tuned, ACCOUNT)['sku'].name === 'Standard_GZRS', 'storage redundancy'),
        ...unless(theOne(tuned, WORKSPACE).properties.retentionInDays === 90, 'log retention'),
      ]
    },
    breaches: {
      'a parameter is ignored': inTuned((s) => {
        theOne(s, SITE).properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMB = 2048
      }),
      'the processor has another name': (deployment) => {
        deployment.files['src/main.ts'] = "app.storageQueue('other', {})"
      },
    },
  },
  {
    says: 'orders are spread over the queues that ORDER_QUEUES says, one by default, and the template takes what the code takes',
    violations: ({ byDefault, tuned, template }) => [
      ...unless(queueCount(byDefault) === 1, 'default'),
      ...unless(queueCount(tuned) === 3, 'set'),
      ...unless(
        (template as Json).parameters.orderQueues.minValue === 1 &&
          (template as Json).parameters.orderQueues.maxValue === MOST_QUEUES,
        'allowed values',
      ),
    ],
    breaches: {
      'the setting is ignored': inTuned((s) => {
        settingsOf(s)[QUEUES_SETTING] = '1'
      }),
      'more queues than the code takes': ({ template }) => {
        ;(template as Json).parameters.orderQueues.maxValue = MOST_QUEUES + 1
      },
    },
  },
  {
    says: 'host.json has the extensions, reads messages as the code writes them, and no trace is sampled away',
    violations: ({ byDefault, files }) => {
      const host = JSON.parse(files['host.json'] ?? '{}')
      const excluded = (
        settingsOf(byDefault)[
          'AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes'
        ] ?? ''
      ).split(';')
      const inHost = String(host.logging?.applicationInsights?.samplingSettings?.excludedTypes ?? '').split(
        ';',
      )
      return [
        ...unless(
          host.extensionBundle?.id === 'Microsoft.Azure.Functions.ExtensionBundle',
          'extension bundle',
        ),
        ...unless(host.extensionBundle?.version === '[4.*, 5.0.0)', 'version of the extension bundle'),
        ...unless((host.extensions?.queues?.messageEncoding ?? 'base64') === 'base64', 'message encoding'),
        ...unless(host.extensions?.queues?.maxDequeueCount === 10, 'maxDequeueCount'),
        ...unless(host.extensions?.queues?.visibilityTimeout === '00:01:00', 'visibilityTimeout'),
        ...unless(excluded.includes('Trace'), 'traces are sampled'),
        ...unless(
          inHost.every((type) => excluded.includes(type)),
          'the setting loses what host.json excludes',
        ),
      ]
    },
    breaches: {
      'no extension bundle': inHostJson((host) => delete host.extensionBundle),
      'plain text messages': inHostJson((host) => (host.extensions.queues.messageEncoding = 'none')),
      'traces are sampled': inDefault((s) => {
        settingsOf(s)[
          'AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes'
        ] = 'Request;Exception'
      }),
    },
  },
  {
    says: 'with a virtual network storage is private, and the app is in the network; without one there is none',
    violations: ({ byDefault, tuned }) => {
      const account = theOne(tuned, ACCOUNT)
      const subnets = theOne(tuned, NETWORK).properties.subnets as Json[]
      const joined = subnets.find(
        (subnet) =>
          theOne(tuned, SITE).properties.virtualNetworkSubnetId ===
          `${theOne(tuned, NETWORK).id}/subnets/${String(subnet.name)}`,
      )
      return [
        ...unless(account.properties.publicNetworkAccess === 'Disabled', 'public access'),
        ...unless(account.properties.networkAcls.defaultAction === 'Deny', 'default action'),
        ...unless(
          joined?.properties.delegations[0]?.properties.serviceName === 'Microsoft.App/environments',
          'the app’s subnet',
        ),
        ...['blob', 'queue', 'table'].flatMap((service) => {
          const endpoint = ofType(tuned, ENDPOINT).find((candidate) =>
            same(candidate.properties.privateLinkServiceConnections[0].properties.groupIds as string[], [
              service,
            ]),
          )
          const zones = ofType(tuned, ZONE_GROUP).find(
            (group) => endpoint !== undefined && group.id.startsWith(`${endpoint.id}/`),
          )
          return [
            ...unless(
              endpoint?.properties.privateLinkServiceConnections[0].properties.privateLinkServiceId ===
                account.id,
              `private endpoint of ${service}`,
            ),
            ...unless(
              JSON.stringify(zones?.properties ?? '').includes('privatelink.') &&
                JSON.stringify(zones?.properties ?? '').includes(`'${service}'`),
              `DNS of ${service}`,
            ),
          ]
        }),
        ...unless(
          byDefault.predictedResources.every(({ type }) => !type.startsWith('Microsoft.Network/')),
          'a network by default',
        ),
        ...unless(
          (theOne(byDefault, SITE).properties.virtualNetworkSubnetId ?? null) === null,
          'a subnet by default',
        ),
      ]
    },
    breaches: {
      'storage stays public': inTuned((s) => (theOne(s, ACCOUNT).properties.publicNetworkAccess = 'Enabled')),
      'no endpoint for the tables': inTuned((s) => {
        const at = s.predictedResources.findIndex(
          ({ type, name }) => type === ENDPOINT && name.endsWith('-table'),
        )
        s.predictedResources.splice(at, 1)
      }),
      'no name for an endpoint': inTuned((s) => {
        for (const group of ofType(s, ZONE_GROUP)) group.properties.privateDnsZoneConfigs = []
      }),
      'the app stays outside': inTuned((s) => delete theOne(s, SITE).properties.virtualNetworkSubnetId),
      'the subnet is not delegated': inTuned((s) => {
        for (const subnet of theOne(s, NETWORK).properties.subnets as Json[])
          subnet.properties.delegations = []
      }),
    },
  },
  {
    says: 'operators are alerted, by e-mail if they like, to poison, waiting orders, failures, 503s, silence, downtime and burnt error budgets',
    violations: ({ byDefault, tuned }) => [
      ...unless(same(namesOf(byDefault, ALERT), ALERTS), 'rules'),
      ...ofType(byDefault, ALERT).flatMap(({ name, properties }) => [
        ...unless(properties.enabled === true, `${name} is off`),
        ...unless(
          same(properties.scopes as string[], [theOne(byDefault, WORKSPACE).id]),
          `${name} asks other logs`,
        ),
        ...unless(same(properties.actions.actionGroups as string[], []), `${name} tells somebody`),
      ]),
      ...unless(ofType(byDefault, OPERATORS).length === 0, 'an action group without an address'),
      ...unless(theOne(byDefault, HEALTH).properties.enabled === true, 'resource health'),
      ...unless(theOne(byDefault, REACHABLE).properties.enabled === true, 'availability'),
      ...unless(
        String(theOne(byDefault, WEB_TEST).properties.Request.RequestUrl).startsWith(
          "[format('{0}/api/hello', ",
        ) && theOne(byDefault, WEB_TEST).properties.Locations.length >= 5,
        'availability test',
      ),
      // An order's lease is 10 minutes: a message whose instance died is no alert before it can be delivered again.
      ...unless(ruleOf(byDefault, 'orders-waiting').threshold === 15, 'age of the oldest order'),
      // It stays as long as messages lie there, and clears when they are gone.
      ...unless(
        ruleOf(byDefault, 'orders-poisoned').metricMeasureColumn === 'depth' &&
          ruleOf(byDefault, 'orders-poisoned').threshold === 0 &&
          String(ruleOf(byDefault, 'orders-poisoned').query).includes("queue endswith '-poison'"),
        'poison by what lies there',
      ),
      ...unless(
        ruleOf(byDefault, 'orders-unmeasured').operator === 'LessThan' &&
          ruleOf(byDefault, 'orders-unmeasured').threshold === 1,
        'silence',
      ),
      ...unless(String(ruleOf(byDefault, 'orders-failing').query).includes('status != 503'), '503 twice'),
      ...unless(
        theOne(tuned, OPERATORS).properties.emailReceivers[0]?.emailAddress === 'operators@example.com',
        'address',
      ),
      ...ofType(tuned, ALERT).flatMap(({ name, properties }) =>
        unless(
          same(properties.actions.actionGroups as string[], [theOne(tuned, OPERATORS).id]),
          `${name} tells nobody`,
        ),
      ),
      ...[
        theOne(tuned, HEALTH).properties.actions.actionGroups,
        theOne(tuned, REACHABLE).properties.actions,
      ].flatMap((groups) => unless(groups[0]?.actionGroupId === theOne(tuned, OPERATORS).id, 'told nobody')),
    ],
    breaches: {
      'a rule is missing': inDefault((s) => {
        remove(s, ALERT, 'orders-poisoned')
      }),
      'a rule is off': inDefault((s) => {
        for (const rule of ofType(s, ALERT)) rule.properties.enabled = false
      }),
      'a lease is an alert': inDefault((s) => (ruleOf(s, 'orders-waiting').threshold = 10)),
      'poison clears itself': inDefault((s) => (ruleOf(s, 'orders-poisoned').metricMeasureColumn = null)),
      'silence is no alert': inDefault((s) => {
        remove(s, ALERT, 'orders-unmeasured')
      }),
      'a 503 counts twice': inDefault((s) => {
        const rule = ruleOf(s, 'orders-failing')
        rule.query = String(rule.query).replace('status != 503', 'true')
      }),
      'nobody asks from outside': inDefault((s) => {
        remove(s, WEB_TEST, 'orders-hello')
      }),
      'resource health is not told': inTuned((s) => (theOne(s, HEALTH).properties.actions.actionGroups = [])),
      'a rule tells nobody': inTuned((s) => {
        for (const rule of ofType(s, ALERT)) rule.properties.actions.actionGroups = []
      }),
    },
  },
  {
    says: 'alerts, workbook and docs/operations.md ask for what the code logs',
    violations: ({ byDefault, files }) => {
      const start = logLine({ outcome: 'processed', via: 'queue' }).slice(0, '{"event":"order"'.length)
      const orders = files['infra/queries/orders.kql'] ?? ''
      const asked = [...orders.matchAll(/\border\.(\w+)/g)].map(([, field]) => field ?? '')
      const queries = [
        ...ofType(byDefault, ALERT).map(({ properties }) => String(properties.criteria.allOf[0].query)),
        ...workbookQueries(byDefault),
      ]
      const outcomes = queries.flatMap((query) =>
        [...query.matchAll(/outcome (?:==|in) (\([^)]*\)|'[^']*')/g)].flatMap(([, values]) =>
          [...(values ?? '').matchAll(/'([^']*)'/g)].map(([, outcome]) => outcome ?? ''),
        ),
      )
      const code = files['src/log.ts'] ?? ''
      return [
        ...unless(orders.includes(`startswith '${start}'`), 'lines start differently'),
        ...unless(asked.length > 0 && outcomes.length > 0, 'nothing is asked for'),
        ...asked
          .filter((field) => field !== 'event' && !new RegExp(`readonly ${field}\\??:`).test(code))
          .map((field) => `field ${field}`),
        ...outcomes
          .filter((outcome) => !code.includes(`'${outcome}'`))
          .map((outcome) => `outcome ${outcome}`),
        ...unless(workbookQueries(byDefault).length === 8, 'charts of the workbook'),
        ...unless(
          theOne(byDefault, WORKBOOK).properties.sourceId === 'azure monitor',
          'the workbook is in another gallery than the one that docs/operations.md names',
        ),
        ...measurementViolations(files),
        ...unless(
          (files['docs/operations.md'] ?? '').includes(`${orders}${files['infra/queries/order.kql'] ?? ''}`),
          'docs/operations.md has another query for one order',
        ),
      ]
    },
    breaches: {
      'the code renames a field': (deployment) => {
        deployment.files['src/log.ts'] = (deployment.files['src/log.ts'] ?? '').replaceAll(
          'queuedForMs',
          'waitedMs',
        )
      },
      'the code renames an outcome': (deployment) => {
        deployment.files['src/log.ts'] = (deployment.files['src/log.ts'] ?? '').replaceAll(
          "'poisoned'",
          "'dead'",
        )
      },
      'the log line starts differently': (deployment) => {
        deployment.files['infra/queries/orders.kql'] = (
          deployment.files['infra/queries/orders.kql'] ?? ''
        ).replace(`'{"event":"order"'`, `'{"event":"sale"'`)
      },
      'the workbook hides in a workspace': inDefault((s) => {
        theOne(s, WORKBOOK).properties.sourceId = theOne(s, WORKSPACE).id
      }),
      'the code renames a measurement': (deployment) => {
        deployment.files['src/orders/queueMeter.ts'] = (
          deployment.files['src/orders/queueMeter.ts'] ?? ''
        ).replaceAll('oldestSeconds', 'oldestAge')
      },
      'the line of measurements starts differently': (deployment) => {
        deployment.files['src/functions/queueMonitor.ts'] = (
          deployment.files['src/functions/queueMonitor.ts'] ?? ''
        ).replaceAll("event: 'queues'", "event: 'depth'")
      },
      'the documentation falls behind': (deployment) => {
        deployment.files['docs/operations.md'] = ''
      },
      'the workbook is empty': inDefault((s) => {
        theOne(s, WORKBOOK).properties.serializedData = '{"items":[]}'
      }),
    },
  },
  {
    says: 'storage closes only after the app has joined the network, and stays closed from then on',
    violations: ({ template, tuned, joining }) => {
      const [open, closed, ...more] = ofType(joining, ACCOUNT)
      const closing = (template as Json).resources.closeStorage
      return [
        ...unless(open?.properties.publicNetworkAccess === 'Enabled', 'closed while the app is outside'),
        ...unless(closed?.properties.publicNetworkAccess === 'Disabled', 'never closed'),
        ...unless(closed?.properties.networkAcls.defaultAction === 'Deny', 'not denied'),
        ...unless(more.length === 0, 'more accounts'),
        ...unless(
          ((closing?.dependsOn ?? []) as string[]).includes('app'),
          'closed before the app has joined',
        ),
        ...unless(theOne(tuned, ACCOUNT).properties.publicNetworkAccess === 'Disabled', 'opened again'),
        ...unless((template as Json).outputs?.VNET_JOINED?.type === 'bool', 'azd does not keep it'),
      ]
    },
    breaches: {
      'closed first': ({ joining }) => {
        const [open] = ofType(joining, ACCOUNT)
        if (open !== undefined) open.properties.publicNetworkAccess = 'Disabled'
      },
      'never closed': ({ joining }) => {
        joining.predictedResources.splice(
          joining.predictedResources.findLastIndex(({ type }) => type === ACCOUNT),
          1,
        )
      },
      'closed at the same time': ({ template }) => {
        ;(template as Json).resources.closeStorage.dependsOn = []
      },
      'opened by every provisioning': inTuned(
        (s) => (theOne(s, ACCOUNT).properties.publicNetworkAccess = 'Enabled'),
      ),
      'azd forgets it': ({ template }) => {
        delete outputsOf(template)['VNET_JOINED']
      },
    },
  },
  {
    says: 'address space, subnets and DNS zones can be given',
    violations: ({ tuned, joining }) => {
      const endpoints = ofType(joining, ENDPOINT)
      const zones = JSON.stringify(ofType(joining, ZONE_GROUP))
      return [
        ...unless(
          same(theOne(tuned, NETWORK).properties.addressSpace.addressPrefixes as string[], ['10.7.0.0/24']),
          'address space',
        ),
        ...unless(ofType(joining, NETWORK).length === 0, 'a network of its own'),
        ...unless(ofType(joining, 'Microsoft.Network/privateDnsZones').length === 0, 'zones of its own'),
        ...unless(
          String(theOne(joining, SITE).properties.virtualNetworkSubnetId).endsWith(
            '/vnet-hub/subnets/orders',
          ),
          'the app’s subnet',
        ),
        ...unless(
          endpoints.length === 3 &&
            endpoints.every(({ properties }) =>
              String(properties.subnet.id).endsWith('/vnet-hub/subnets/endpoints'),
            ),
          'the endpoints’ subnet',
        ),
        ...unless(zones.split('/resourceGroups/rg-hub').length === 4, 'zones of the hub'),
      ]
    },
    breaches: {
      'a fixed address space': inTuned(
        (s) => (theOne(s, NETWORK).properties.addressSpace.addressPrefixes = ['10.0.0.0/24']),
      ),
      'the app in another subnet': ({ joining }) => {
        theOne(joining, SITE).properties.virtualNetworkSubnetId = null
      },
      'zones elsewhere': ({ joining }) => {
        for (const group of ofType(joining, ZONE_GROUP)) group.properties.privateDnsZoneConfigs = []
      },
    },
  },
  {
    says: 'queues and tables are under the account’s key, which is fixed when the account is created',
    violations: inEach((snapshot) => {
      const { services } = theOne(snapshot, ACCOUNT).properties.encryption
      return ['queue', 'table'].flatMap((service) =>
        unless(services[service]?.keyType === 'Account', service),
      )
    }),
    breaches: {
      'left to the default': inDefault((s) => delete theOne(s, ACCOUNT).properties.encryption.services.queue),
      'the service’s key': inTuned(
        (s) => (theOne(s, ACCOUNT).properties.encryption.services.table.keyType = 'Service'),
      ),
    },
  },
  {
    says: 'zones, rolling updates and keys in a vault are options, and off by default',
    violations: ({ byDefault, tuned }) => [
      ...unless(theOne(byDefault, PLAN).properties.zoneRedundant === false, 'zones by default'),
      ...unless(theOne(tuned, PLAN).properties.zoneRedundant === true, 'zones'),
      ...unless(updatesOf(byDefault) === 'Recreate', 'updates by default'),
      ...unless(updatesOf(tuned) === 'RollingUpdate', 'updates'),
      ...unless(ofType(byDefault, VAULT).length === 0, 'a vault by default'),
      ...unless(
        theOne(tuned, VAULT).properties.enableRbacAuthorization === true &&
          settingsOf(tuned)['AzureWebJobsSecretStorageType'] === 'keyvault' &&
          (settingsOf(tuned)['AzureWebJobsSecretStorageKeyVaultUri'] ?? '').includes(
            theOne(tuned, VAULT).name,
          ) &&
          isClientIdOf(appIdentity(tuned).id, settingsOf(tuned)['AzureWebJobsSecretStorageKeyVaultClientId']),
        'keys in the vault',
      ),
    ],
    breaches: {
      'zones are ignored': inTuned((s) => (theOne(s, PLAN).properties.zoneRedundant = false)),
      'rolling updates are ignored': inTuned(
        (s) => delete theOne(s, SITE).properties.functionAppConfig.siteUpdateStrategy,
      ),
      'a preview by default': inDefault(
        (s) => (theOne(s, SITE).properties.functionAppConfig.siteUpdateStrategy.type = 'RollingUpdate'),
      ),
      'the vault takes access policies': inTuned(
        (s) => (theOne(s, VAULT).properties.enableRbacAuthorization = false),
      ),
      'the keys stay in storage': inTuned((s) => {
        drop(s, 'AzureWebJobsSecretStorageType')
      }),
    },
  },
  {
    says: 'only regions that have Flex Consumption can be chosen',
    violations: ({ template }) => {
      const { allowedValues } = (template as Json).parameters.location
      return [
        ...unless(Array.isArray(allowedValues) && allowedValues.length >= 30, 'no list of regions'),
        // Canary regions, sovereign clouds, and one without the plan.
        ...['eastus2euap', 'chinanorth3', 'qatarcentral'].flatMap((region) =>
          unless(!((allowedValues ?? []) as string[]).includes(region), region),
        ),
        ...['westeurope', 'eastus', 'swedencentral'].flatMap((region) =>
          unless(((allowedValues ?? []) as string[]).includes(region), `not ${region}`),
        ),
      ]
    },
    breaches: {
      'any region': ({ template }) => {
        delete (template as Json).parameters.location.allowedValues
      },
      'a region without the plan': ({ template }) => {
        ;((template as Json).parameters.location.allowedValues as string[]).push('qatarcentral')
      },
    },
  },
  {
    says: 'azd finds the app by its tag, and deploys what .funcignore leaves, without a build in Azure',
    violations: ({ byDefault, tuned, cosmos, cosmosTuned, files }) => {
      const azureYaml = files['azure.yaml'] ?? ''
      const service = /^services:\n {2}(\w+):\n/m.exec(azureYaml)?.[1]
      const left = [...(files['.funcignore'] ?? '').matchAll(/^!\/?([^/\s*]+)/gm)].map(
        ([, name]) => name ?? '',
      )
      return [
        ...unless(
          service !== undefined && theOne(byDefault, SITE)['tags']['azd-service-name'] === service,
          'service tag',
        ),
        ...[byDefault, tuned, cosmos, cosmosTuned].flatMap((snapshot) =>
          snapshot.predictedResources
            .filter(({ type }) => !NOT_TAGGED.test(type))
            .flatMap(({ id, ...resource }) =>
              unless(resource['tags']?.['azd-env-name'] === 'check', `tag of ${id}`),
            ),
        ),
        ...unless(/^ {4}remoteBuild: false$/m.test(azureYaml), 'remote build'),
        ...unless(/^ {4}project: \.\/infra\/package$/m.test(azureYaml), 'project'),
        ...unless(/^ {4}dist: dist$/m.test(azureYaml), 'dist'),
        ...unless(/^ {4}host: function$/m.test(azureYaml), 'host'),
        ...unless(/^\*$/m.test(files['.funcignore'] ?? ''), '.funcignore starts from everything'),
        ...unless(same([...new Set(left)], PACKAGE_FILES), '.funcignore leaves something else'),
      ]
    },
    breaches: {
      'a remote build': (deployment) => {
        deployment.files['azure.yaml'] = (deployment.files['azure.yaml'] ?? '').replace(
          /remoteBuild: false$/m,
          'remoteBuild: true',
        )
      },
      'another service': (deployment) => {
        deployment.files['azure.yaml'] = (deployment.files['azure.yaml'] ?? '').replace('  orders:', '  api:')
      },
      'one more file in the package': (deployment) => {
        deployment.files['.funcignore'] = `${deployment.files['.funcignore'] ?? ''}\n!local.settings.json\n`
      },
      'a resource without a tag': inDefault((s) => delete theOne(s, ACCOUNT)['tags']),
    },
  },
  ...QUERY_PROMISES,
  ...DELIVERY_PROMISES,
  ...COSMOS_PROMISES,
]

/** The rule's one criterion. */
function ruleOf(snapshot: Snapshot, name: string): Json {
  return ofType(snapshot, ALERT).find((rule) => rule.name === name)?.properties.criteria.allOf[0] ?? {}
}

function updatesOf(snapshot: Snapshot): unknown {
  return theOne(snapshot, SITE).properties.functionAppConfig.siteUpdateStrategy?.type
}

/** Role and scope of each assignment to an identity: `Storage Queue Data Contributor on queues/orders`. */
function grantedTo(snapshot: Snapshot, identity: Resource): string[] {
  return ofType(snapshot, ROLE)
    .filter(
      ({ properties }) =>
        String(properties.principalId).includes(`${identity.id}'`) &&
        String(properties.principalId).endsWith('.principalId]') &&
        properties.principalType === 'ServicePrincipal',
    )
    .map(({ id, properties }) => {
      const role = String(properties.roleDefinitionId).split('/').at(-1) ?? ''
      const scope = id
        .slice(0, id.lastIndexOf(`/providers/${ROLE}`))
        .split('/')
        .slice(-2)
        .join('/')
        .replace(/^(components|storageAccounts|vaults)\/.*/, '$1/*')
        .replace(/^(queues\/azure-webjobs-blobtrigger-).*/, '$1*')
      return `${ROLE_NAMES[role] ?? role} on ${scope}`
    })
}

function exactly(granted: readonly string[], listed: readonly string[], whose: string): string[] {
  return [
    ...granted.filter((role) => !listed.includes(role)).map((role) => `${whose}, not listed: ${role}`),
    ...listed.filter((role) => !granted.includes(role)).map((role) => `${whose}, missing: ${role}`),
    ...unless(new Set(granted).size === granted.length, `${whose}, granted twice`),
  ]
}

/** What the query of the measurements asks for and the code does not log. */
function measurementViolations(files: Deployment['files']): string[] {
  const query = files['infra/queries/queues.kql'] ?? ''
  const asked = [...query.matchAll(/\bmeasured\.(\w+)/g)].map(([, field]) => field ?? '')
  return [
    ...unless(asked.length >= 3, 'no measurement is asked for'),
    ...unless(
      query.includes(`startswith '{"event":"queues"'`) &&
        (files['src/functions/queueMonitor.ts'] ?? '').includes("jsonLine({ event: 'queues', queues })"),
      'lines of measurements start differently',
    ),
    ...asked
      .filter((field) => !new RegExp(`readonly ${field}\\??:`).test(files['src/orders/queueMeter.ts'] ?? ''))
      .map((field) => `measurement ${field}`),
  ]
}

/** What has no tags, or belongs to what has them. */
const NOT_TAGGED =
  /roleAssignments|\/(blobServices|queueServices|tableServices)|sites\/|privateDnsZoneGroups$|sqlRole|sqlDatabases/

const SECRET =
  /list\w*\(|connection_?string|shared_?key|account_?key|instrumentation_?key|password|secret|sastoken/i

function isSecure(type: unknown): boolean {
  return /^secure/i.test(String(type))
}

/** A check of every deployment in which the app is not about to join a network. */
function inEach(check: (snapshot: Snapshot) => string[]): InfraPromise['violations'] {
  return ({ byDefault, tuned, cosmos, cosmosTuned }) => [
    ...check(byDefault),
    ...check(tuned).map((violation) => `every setting set: ${violation}`),
    ...check(cosmos).map((violation) => `records in Cosmos DB: ${violation}`),
    ...check(cosmosTuned).map((violation) => `records in Cosmos DB, in a network: ${violation}`),
  ]
}

/** Whether the records are in Cosmos DB. */
function inCosmos(snapshot: Snapshot): boolean {
  return ofType(snapshot, COSMOS_ACCOUNT).length > 0
}

function inHostJson(change: (host: Json) => unknown): (deployment: Deployment) => void {
  return ({ files }) => {
    const host = JSON.parse(files['host.json'] ?? '')
    change(host)
    files['host.json'] = JSON.stringify(host)
  }
}

function outputsOf(template: unknown): Record<string, Json> {
  return (template as Json).outputs as Record<string, Json>
}

/** The number of queues, as the code reads it from the settings. */
function queueCount(snapshot: Snapshot): number {
  return orderQueueCount(settingsOf(snapshot))
}

/** The format of the authentication string, and what goes into it. */
function authenticationOf(value: string | undefined): string[] {
  const [, format, argument] = /^\[format\('([^']*)', (.*)\)\]$/.exec(value ?? '') ?? []
  return format === undefined || argument === undefined ? [] : [format, argument]
}

function expectedScaling(alwaysReady: Json[], maximum: number, memory: number, concurrency: number): Json {
  return {
    alwaysReady,
    maximumInstanceCount: maximum,
    instanceMemoryMB: memory,
    triggers: { http: { perInstanceConcurrency: concurrency } },
  }
}

function workbookQueries(snapshot: Snapshot): string[] {
  const { items } = JSON.parse(String(theOne(snapshot, WORKBOOK).properties.serializedData))
  return (items as Json[]).flatMap((item) => (item.type === 3 ? [String(item.content.query)] : []))
}
