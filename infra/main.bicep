// The order service in Azure: `azd up` creates all of this and deploys the app into it.
// No key and no connection string is read, set or printed: everything authenticates as the managed identity.
targetScope = 'subscription'

@description('Name of the azd environment: it names the resource group and tags every resource.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Azure region of every resource. It must offer the Flex Consumption plan: az functionapp list-flexconsumption-locations')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('True: storage is reachable only through private endpoints in a virtual network that the app joins.')
param vnetEnabled bool = false

@description('Copies of the orders: LRS within a data centre, ZRS across the zones of a region that has them, GZRS in a second region too.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_LRS'

@description('Instances kept warm for the HTTP functions. 0: none, the first request after idling waits for a cold start.')
@minValue(0)
@maxValue(1000)
param alwaysReadyHttpInstances int = 0

@description('Instances kept warm for the queue processor. 0: none, a queued order may wait for a cold start.')
@minValue(0)
@maxValue(1000)
param alwaysReadyProcessorInstances int = 0

@description('The most instances the app scales out to, per group of functions that scales by itself (HTTP; the processor).')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

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

@description('Who gets the alerts by e-mail. Empty: alerts fire in the portal only.')
param alertEmail string = ''

var tags = { 'azd-env-name': environmentName }
// Storage accounts and function apps share one name space across all of Azure.
var token = toLower(uniqueString(subscription().id, environmentName, location))
var names = {
  identity: 'id-orders-${token}'
  workspace: 'log-orders-${token}'
  applicationInsights: 'appi-orders-${token}'
  storageAccount: 'storders${token}'
  network: 'vnet-orders-${token}'
  plan: 'plan-orders-${token}'
  app: 'func-orders-${token}'
}

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
    publicNetworkAccess: !vnetEnabled
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  scope: group
  params: {
    name: names.network
    location: location
    tags: tags
    storageAccountName: names.storageAccount
  }
  dependsOn: [storage]
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    identityName: names.identity
    storageAccountName: names.storageAccount
    applicationInsightsName: names.applicationInsights
  }
  dependsOn: [identity, monitoring, storage]
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    name: names.app
    planName: names.plan
    location: location
    tags: tags
    identityName: names.identity
    storageAccountName: names.storageAccount
    applicationInsightsName: names.applicationInsights
    networkName: vnetEnabled ? names.network : ''
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    alwaysReadyProcessorInstances: alwaysReadyProcessorInstances
    maximumInstances: maximumInstances
    instanceMemoryMB: instanceMemoryMB
    httpConcurrency: httpConcurrency
  }
  // The host asks for its keys and locks as soon as it starts.
  dependsOn: [roles, network]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    location: location
    tags: tags
    email: alertEmail
  }
  dependsOn: [monitoring]
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
output ORDERS_WORKBOOK_ID string = workbook.outputs.id
