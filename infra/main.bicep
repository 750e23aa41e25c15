// The order service in Azure: `azd up` creates all of this and deploys the app into it.
// No key and no connection string is read, set or printed: everything authenticates as a managed identity.
targetScope = 'subscription'

@description('Name of the azd environment: it names the resource group and tags every resource.')
@minLength(1)
@maxLength(64)
param environmentName string

// Regions with Flex Consumption, as in the official quickstart without its canary region. A deployment to another one is
// refused before anything is created. https://github.com/Azure-Samples/functions-quickstart-typescript-azd/blob/main/infra/main.bicep
@description('Azure region of every resource. az functionapp list-flexconsumption-runtimes --runtime node --location … says whether it has Node 24.')
@allowed([
  'australiaeast'
  'australiasoutheast'
  'brazilsouth'
  'canadacentral'
  'centralindia'
  'centralus'
  'eastasia'
  'eastus'
  'eastus2'
  'francecentral'
  'germanywestcentral'
  'italynorth'
  'japaneast'
  'koreacentral'
  'northcentralus'
  'northeurope'
  'norwayeast'
  'southafricanorth'
  'southcentralus'
  'southeastasia'
  'southindia'
  'spaincentral'
  'swedencentral'
  'uaenorth'
  'uksouth'
  'ukwest'
  'westcentralus'
  'westeurope'
  'westus'
  'westus2'
  'westus3'
])
@metadata({ azd: { type: 'location' } })
param location string

@description('Where the records of orders are: tables, in the storage account; cosmos, in an account of Cosmos DB of their own.')
@allowed(['tables', 'cosmos'])
param store string = 'tables'

@description('True: storage is reachable only through private endpoints in a virtual network that the app joins.')
param vnetEnabled bool = false

@description('True: the app is in the virtual network already. azd keeps it after a provisioning, the workflow looks it up.')
param vnetJoined bool = false

@description('Addresses of the virtual network, /26 or larger for each of its two subnets. Change them if it is to be peered.')
param vnetAddressPrefix string = '10.0.0.0/24'

@description('Resource id of a subnet for the app, delegated to Microsoft.App/environments. Empty: a network is created.')
param vnetAppSubnetId string = ''

@description('Resource id of a subnet for the private endpoints. To be given together with the one for the app.')
param vnetEndpointSubnetId string = ''

@description('Resource id of the resource group that has the privatelink DNS zones of blob, queue and table, and of Cosmos DB. Empty: zones are created.')
param privateDnsGroupId string = ''

@description('Copies of the orders: LRS within a data centre, ZRS across the zones of a region that has them, GRS and GZRS in a second region too.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_LRS'

@description('True: the app’s instances are spread over the zones of the region. At least two always-ready instances for each group of functions are then billed.')
param zoneRedundant bool = false

@description('What a deployment does to running calls: Recreate ends them, RollingUpdate (a preview) lets them finish.')
@allowed(['Recreate', 'RollingUpdate'])
param siteUpdateStrategy string = 'Recreate'

@description('True: the function keys are kept in a key vault, not in the storage account.')
param functionKeysInKeyVault bool = false

@description('Instances kept warm for the HTTP functions. 0: none, the first request after idling waits for a cold start.')
@minValue(0)
@maxValue(1000)
param alwaysReadyHttpInstances int = 0

@description('Instances kept warm for the processor of each queue, and for orderChanged. 0: none, a queued order may wait for a cold start.')
@minValue(0)
@maxValue(1000)
param alwaysReadyProcessorInstances int = 0

// https://learn.microsoft.com/cli/azure/functionapp/scale/config sets 5; the preview's minimum of 40 is gone.
@description('On-demand instances that a group of functions (HTTP; the processor of each queue) scales out to. For HTTP the platform may exceed it for a while.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

// src/storage/names.ts has the same maximum.
@description('Queues that orders are spread over by their ids. 1: all orders take the queue orders, which is always there.')
@minValue(1)
@maxValue(32)
param orderQueues int = 1

@description('Memory of an instance in MB; CPU comes in proportion.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('HTTP requests that one instance takes at a time before the app scales out.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('True: GET /api/hello is requested from five places every 15 minutes.')
param availabilityTest bool = true

@description('Who gets the alerts by e-mail. Empty: alerts fire in the portal only.')
param alertEmail string = ''

var tags = { 'azd-env-name': environmentName }
// Storage accounts, key vaults and function apps share one name space across all of Azure.
var token = toLower(uniqueString(subscription().id, environmentName, location))
var names = {
  identity: 'id-orders-${token}'
  deploymentIdentity: 'id-orders-deploy-${token}'
  workspace: 'log-orders-${token}'
  applicationInsights: 'appi-orders-${token}'
  storageAccount: 'storders${token}'
  cosmosAccount: 'cosmos-orders-${token}'
  keyVault: 'kv-orders-${token}'
  network: 'vnet-orders-${token}'
  plan: 'plan-orders-${token}'
  app: 'func-orders-${token}'
  operators: 'orders-operators'
  importsTopic: 'evgt-orders-${token}'
}
var cosmosAccountName = store == 'cosmos' ? names.cosmosAccount : ''
// The subnet of network.bicep, unless one is given.
var appSubnetId = empty(vnetAppSubnetId)
  ? resourceId(
      subscription().subscriptionId,
      'rg-${environmentName}',
      'Microsoft.Network/virtualNetworks/subnets',
      names.network,
      'app'
    )
  : vnetAppSubnetId

resource group 'Microsoft.Resources/resourceGroups@2025-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: names.identity
    location: location
    tags: tags
  }
}

// The package is stored and fetched as this one: the app's own identity can't overwrite what it runs.
module deploymentIdentity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: names.deploymentIdentity
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    applicationInsightsName: names.applicationInsights
    location: location
    tags: tags
    retentionDays: logRetentionDays
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: names.storageAccount
    location: location
    tags: tags
    redundancy: storageRedundancy
    orderQueues: orderQueues
    hostId: names.app
    orderEvents: store == 'cosmos'
    // A running app that is not in the network yet would lose its storage: closeStorage follows it.
    publicNetworkAccess: !(vnetEnabled && vnetJoined)
  }
}

module cosmos 'modules/cosmos.bicep' = if (store == 'cosmos') {
  scope: group
  params: {
    name: names.cosmosAccount
    location: location
    tags: tags
    zoneRedundant: contains(storageRedundancy, 'ZRS')
    // As storage: closeCosmos follows the app.
    publicNetworkAccess: !(vnetEnabled && vnetJoined)
  }
}

module eventGrid 'modules/eventGrid.bicep' = {
  scope: group
  params: {
    name: names.importsTopic
    location: location
    tags: tags
    storageAccountName: names.storageAccount
  }
  dependsOn: [storage]
}

module keyVault 'modules/keyVault.bicep' = if (functionKeysInKeyVault) {
  scope: group
  params: {
    name: names.keyVault
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  scope: group
  params: {
    name: names.network
    location: location
    tags: tags
    storageAccountName: names.storageAccount
    cosmosAccountName: cosmosAccountName
    addressPrefix: vnetAddressPrefix
    appSubnetId: vnetAppSubnetId
    endpointSubnetId: vnetEndpointSubnetId
    privateDnsGroupId: privateDnsGroupId
  }
  dependsOn: [storage, cosmos]
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    identityName: names.identity
    deploymentIdentityName: names.deploymentIdentity
    storageAccountName: names.storageAccount
    applicationInsightsName: names.applicationInsights
    keyVaultName: functionKeysInKeyVault ? names.keyVault : ''
    cosmosAccountName: cosmosAccountName
    orderQueues: orderQueues
    hostId: names.app
  }
  dependsOn: [identity, deploymentIdentity, monitoring, storage, keyVault, cosmos]
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: tags
    identityName: names.identity
    deploymentIdentityName: names.deploymentIdentity
    storageAccountName: names.storageAccount
    applicationInsightsName: names.applicationInsights
    keyVaultName: functionKeysInKeyVault ? names.keyVault : ''
    cosmosAccountName: cosmosAccountName
    subnetId: vnetEnabled ? appSubnetId : ''
    zoneRedundant: zoneRedundant
    siteUpdateStrategy: siteUpdateStrategy
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    alwaysReadyProcessorInstances: alwaysReadyProcessorInstances
    maximumInstances: maximumInstances
    orderQueues: orderQueues
    instanceMemoryMB: instanceMemoryMB
    httpConcurrency: httpConcurrency
  }
  // The host asks for its keys and locks as soon as it starts.
  dependsOn: [roles, network]
}

// The first provisioning with a network: the same account again, closed, once the app has joined. A function app whose
// storage is closed before that does not start: https://github.com/Azure/azure-functions-host/issues/7011
module closeStorage 'modules/storage.bicep' = if (vnetEnabled && !vnetJoined) {
  scope: group
  params: {
    name: names.storageAccount
    location: location
    tags: tags
    redundancy: storageRedundancy
    orderQueues: orderQueues
    hostId: names.app
    orderEvents: store == 'cosmos'
    publicNetworkAccess: false
  }
  dependsOn: [app]
}

module closeCosmos 'modules/cosmos.bicep' = if (store == 'cosmos' && vnetEnabled && !vnetJoined) {
  scope: group
  params: {
    name: names.cosmosAccount
    location: location
    tags: tags
    zoneRedundant: contains(storageRedundancy, 'ZRS')
    publicNetworkAccess: false
  }
  dependsOn: [app]
}

module operators 'modules/operators.bicep' = if (!empty(alertEmail)) {
  scope: group
  params: {
    name: names.operators
    tags: tags
    email: alertEmail
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    cosmosAccountName: cosmosAccountName
    location: location
    tags: tags
    actionGroupName: empty(alertEmail) ? '' : names.operators
  }
  dependsOn: [monitoring, operators, cosmos]
}

module availability 'modules/availability.bicep' = if (availabilityTest) {
  scope: group
  params: {
    applicationInsightsName: names.applicationInsights
    url: '${app.outputs.url}/api/hello'
    location: location
    tags: tags
    actionGroupName: empty(alertEmail) ? '' : names.operators
  }
  dependsOn: [monitoring, operators]
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    storageAccountName: names.storageAccount
    location: location
    tags: tags
  }
  dependsOn: [monitoring, storage]
}

// azd keeps these in the environment (`azd env get-values`): names and addresses, nothing secret.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_FUNCTION_APP_NAME string = names.app
output ORDERS_URL string = app.outputs.url
output AZURE_STORAGE_ACCOUNT_NAME string = names.storageAccount
output AZURE_LOG_ANALYTICS_WORKSPACE_ID string = monitoring.outputs.workspaceCustomerId
output IMPORTS_TOPIC_NAME string = names.importsTopic
output ORDERS_WORKBOOK_ID string = workbook.outputs.id
// Read again by the next provisioning (main.bicepparam): from then on storage is closed from its first moment.
output VNET_JOINED bool = vnetEnabled
