/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-argument -- the shape of these documents is Azure's: a check that misses what it reads has found a fault */
import { logLine } from '../../src/log.ts'
import { storageConnection } from '../../src/storage/connection.ts'
import { ORDERS_QUEUE, ORDERS_TABLE, POISON_QUEUE, STORAGE_CONNECTION } from '../../src/storage/names.ts'
import { PACKAGE_FILES } from '../../scripts/package.ts'
import { ofType, templatesOf, theOne, type Deployment, type Json, type Snapshot } from './deployment.ts'

/** Something the infrastructure promises, how to see that it is kept, and how it could be broken. */
export interface InfraPromise {
  readonly says: string
  /** What breaks it, in words; nothing when it is kept. */
  readonly violations: (deployment: Deployment) => string[]
  /** Ways to break it, by name: each makes a change to a deployment that `violations` must then report. */
  readonly breaches: Record<string, (deployment: Deployment) => void>
}

const ACCOUNT = 'Microsoft.Storage/storageAccounts'
const CONTAINER = 'Microsoft.Storage/storageAccounts/blobServices/containers'
const QUEUE = 'Microsoft.Storage/storageAccounts/queueServices/queues'
const TABLE = 'Microsoft.Storage/storageAccounts/tableServices/tables'
const ROLE = 'Microsoft.Authorization/roleAssignments'
const IDENTITY = 'Microsoft.ManagedIdentity/userAssignedIdentities'
const PLAN = 'Microsoft.Web/serverfarms'
const SITE = 'Microsoft.Web/sites'
const SETTINGS = 'Microsoft.Web/sites/config'
const CREDENTIALS = 'Microsoft.Web/sites/basicPublishingCredentialsPolicies'
const INSIGHTS = 'Microsoft.Insights/components'
const WORKSPACE = 'Microsoft.OperationalInsights/workspaces'
const ALERT = 'Microsoft.Insights/scheduledQueryRules'
const OPERATORS = 'Microsoft.Insights/actionGroups'
const WORKBOOK = 'Microsoft.Insights/workbooks'
const NETWORK = 'Microsoft.Network/virtualNetworks'
const ENDPOINT = 'Microsoft.Network/privateEndpoints'
const ZONE_GROUP = 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups'

/** The roles of the app's identity, and what each is for. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const ROLES = [
  'Storage Queue Data Contributor on queues/orders',
  'Storage Queue Data Message Sender on queues/orders-poison',
  'Storage Table Data Contributor on tables/orders',
  'Storage Blob Data Owner on containers/azure-webjobs-hosts',
  'Storage Blob Data Owner on containers/azure-webjobs-secrets',
  'Storage Blob Data Contributor on containers/deployments',
  'Monitoring Metrics Publisher on components/*',
]

const ROLE_NAMES: Record<string, string> = {
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b': 'Storage Blob Data Owner',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe': 'Storage Blob Data Contributor',
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88': 'Storage Queue Data Contributor',
  'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a': 'Storage Queue Data Message Sender',
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3': 'Storage Table Data Contributor',
  '3913510d-42f4-4e42-8a64-420c390055eb': 'Monitoring Metrics Publisher',
}

/** The app settings, all of them: nobody hides a secret behind a name of his own. */
const SETTING_NAMES = [
  'APPLICATIONINSIGHTS_AUTHENTICATION_STRING',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
  'AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes',
  'AzureWebJobsFeatureFlags',
  `${STORAGE_CONNECTION}__blobServiceUri`,
  `${STORAGE_CONNECTION}__clientId`,
  `${STORAGE_CONNECTION}__credential`,
  `${STORAGE_CONNECTION}__queueServiceUri`,
  `${STORAGE_CONNECTION}__tableServiceUri`,
]

const ALERTS = ['orders-failing', 'orders-poisoned', 'orders-unavailable', 'orders-waiting']

/** The promises, each checked on the default deployment and on the one with every setting set. */
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
    violations: inBoth((snapshot) => {
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
    violations: inBoth((snapshot) => {
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
    violations: inBoth((snapshot) => [
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
    violations: inBoth((snapshot) => [
      ...unless(same(namesOf(snapshot, QUEUE), [ORDERS_QUEUE, POISON_QUEUE]), 'queues'),
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
      'the table has another name': inDefault((s) => {
        rename(s, TABLE, 'orders', 'order')
      }),
    },
  },
  {
    says: 'the settings are those listed, and by them the host and the code reach storage as the identity',
    violations: inBoth((snapshot) => {
      const settings = settingsOf(snapshot)
      const identity = theOne(snapshot, IDENTITY)
      const account = theOne(snapshot, ACCOUNT).name
      const connection = storageConnection(settings)
      return [
        ...unless(same(Object.keys(settings), SETTING_NAMES), 'setting names'),
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
    says: `the app's identity has exactly these roles: ${ROLES.join('; ')}`,
    violations: inBoth((snapshot) => {
      const identity = theOne(snapshot, IDENTITY)
      const granted = ofType(snapshot, ROLE).map(({ id, properties }) => {
        const role = String(properties.roleDefinitionId).split('/').at(-1) ?? ''
        const scope = id
          .slice(0, id.lastIndexOf(`/providers/${ROLE}`))
          .split('/')
          .slice(-2)
          .join('/')
        return `${ROLE_NAMES[role] ?? role} on ${scope.replace(/^components\/.*/, 'components/*')}`
      })
      return [
        ...granted.filter((role) => !ROLES.includes(role)).map((role) => `not listed: ${role}`),
        ...ROLES.filter((role) => !granted.includes(role)).map((role) => `missing: ${role}`),
        ...unless(new Set(granted).size === granted.length, 'granted twice'),
        ...ofType(snapshot, ROLE).flatMap(({ id, properties }) =>
          unless(
            String(properties.principalId).includes(`${identity.id}'`) &&
              String(properties.principalId).endsWith('.principalId]') &&
              properties.principalType === 'ServicePrincipal',
            `somebody else: ${id}`,
          ),
        ),
        ...unless(ofType(snapshot, 'Microsoft.Authorization/roleDefinitions').length === 0, 'a custom role'),
        ...unless(ofType(snapshot, IDENTITY).length === 1, 'more identities'),
        ...unless(
          same(Object.keys(theOne(snapshot, SITE)['identity'].userAssignedIdentities), [identity.id]),
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
      'a system-assigned identity, too': inDefault((s) => {
        theOne(s, SITE)['identity'].type = 'SystemAssigned, UserAssigned'
      }),
    },
  },
  {
    says: 'telemetry is sent as the identity, and Application Insights and the workspace take it no other way',
    violations: inBoth((snapshot) => {
      const settings = settingsOf(snapshot)
      const [mode, clientId, ...more] = authenticationOf(
        settings['APPLICATIONINSIGHTS_AUTHENTICATION_STRING'],
      )
      return [
        ...unless(theOne(snapshot, INSIGHTS).properties.DisableLocalAuth === true, 'Application Insights'),
        ...unless(theOne(snapshot, WORKSPACE).properties.features?.disableLocalAuth === true, 'workspace'),
        ...unless(
          mode === 'Authorization=AAD;ClientId={0}' &&
            isClientIdOf(theOne(snapshot, IDENTITY).id, clientId) &&
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
    violations: inBoth((snapshot) => {
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
          storage.authentication.userAssignedIdentityResourceId === theOne(snapshot, IDENTITY).id,
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
      'with a publish profile': inDefault((s) => {
        for (const policy of ofType(s, CREDENTIALS)) policy.properties.allow = true
      }),
    },
  },
  {
    says: 'the app is Node 24 on Flex Consumption, Linux',
    violations: inBoth((snapshot) => {
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
                ],
                100,
                4096,
                50,
              ),
            ),
          'set',
        ),
        ...unless(theOne(tuned, ACCOUNT)['sku'].name === 'Standard_ZRS', 'storage redundancy'),
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
                JSON.stringify(zones?.properties ?? '').includes(service),
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
    says: 'operators are alerted, by e-mail if they like, to poison, waiting orders, failures and 503s',
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
    ],
    breaches: {
      'a rule is missing': inDefault((s) => {
        remove(s, ALERT, 'orders-poisoned')
      }),
      'a rule is off': inDefault((s) => {
        for (const rule of ofType(s, ALERT)) rule.properties.enabled = false
      }),
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
        ...unless(workbookQueries(byDefault).length === 5, 'charts of the workbook'),
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
      'the documentation falls behind': (deployment) => {
        deployment.files['docs/operations.md'] = ''
      },
      'the workbook is empty': inDefault((s) => {
        theOne(s, WORKBOOK).properties.serializedData = '{"items":[]}'
      }),
    },
  },
  {
    says: 'azd finds the app by its tag, and deploys what .funcignore leaves, without a build in Azure',
    violations: ({ byDefault, tuned, files }) => {
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
        ...[byDefault, tuned].flatMap((snapshot) =>
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
]

/** What has no tags, or belongs to what has them. */
const NOT_TAGGED =
  /roleAssignments|\/(blobServices|queueServices|tableServices)|sites\/|privateDnsZoneGroups$/

const SECRET =
  /list\w*\(|connection_?string|shared_?key|account_?key|instrumentation_?key|password|secret|sastoken/i

function isSecure(type: unknown): boolean {
  return /^secure/i.test(String(type))
}

function unless(kept: boolean, violation: string): string[] {
  return kept ? [] : [violation]
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return JSON.stringify([...some].sort()) === JSON.stringify([...others].sort())
}

/** A check of both deployments. */
function inBoth(check: (snapshot: Snapshot) => string[]): InfraPromise['violations'] {
  return ({ byDefault, tuned }) => [
    ...check(byDefault),
    ...check(tuned).map((violation) => `every setting set: ${violation}`),
  ]
}

function inDefault(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ byDefault }) => void change(byDefault)
}

function inTuned(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ tuned }) => void change(tuned)
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

function lastOf(name: string): string {
  return name.split('/').at(-1) ?? ''
}

function namesOf(snapshot: Snapshot, type: string): string[] {
  return ofType(snapshot, type).map(({ name }) => lastOf(name))
}

function rename(snapshot: Snapshot, type: string, from: string, to: string): void {
  for (const resource of ofType(snapshot, type)) if (lastOf(resource.name) === from) resource.name = to
}

function remove(snapshot: Snapshot, type: string, name: string): void {
  const at = snapshot.predictedResources.findIndex((r) => r.type === type && lastOf(r.name) === name)
  snapshot.predictedResources.splice(at, 1)
}

/** Takes a setting away. */
function drop(snapshot: Snapshot, setting: string): void {
  const { [setting]: _, ...rest } = settingsOf(snapshot)
  theOne(snapshot, SETTINGS).properties = rest
}

function settingsOf(snapshot: Snapshot): Record<string, string> {
  return theOne(snapshot, SETTINGS).properties as Record<string, string>
}

/** True for the expression that answers the client id of an identity. */
function isClientIdOf(identityId: string, value: string | undefined): boolean {
  return value !== undefined && value.includes(`${identityId}'`) && /\.clientId\]?$/.test(value)
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
