// The function app on its Flex Consumption plan.

@description('Name of the function app.')
param name string

@description('Name of the plan.')
param planName string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the managed identity the app runs as.')
param identityName string

@description('Name of the managed identity that the package is stored and fetched as.')
param deploymentIdentityName string

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the Application Insights component.')
param applicationInsightsName string

@description('Name of the key vault that has the function keys. Empty: they are in the storage account.')
param keyVaultName string

@description('Name of the account of Cosmos DB that has the records. Empty: they are in the storage account.')
param cosmosAccountName string

@description('Resource id of the subnet that the app joins. Empty: none.')
param subnetId string

@description('Whether the instances are spread over zones.')
param zoneRedundant bool

@description('What a deployment does to running calls: Recreate or RollingUpdate.')
param siteUpdateStrategy string

@description('Instances kept warm for the HTTP functions.')
param alwaysReadyHttpInstances int

@description('Instances kept warm for the processor of each queue, and for orderChanged.')
param alwaysReadyProcessorInstances int

@description('The most instances the app scales out to.')
param maximumInstances int

@description('Queues that orders are spread over by their ids. 1: all orders take the queue orders.')
param orderQueues int

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('HTTP requests that one instance takes at a time.')
param httpConcurrency int

// All HTTP functions scale together; a queue function scales by itself.
// https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#per-function-scaling
var alwaysReady = filter(
  concat(
    [
      { name: 'http', instanceCount: alwaysReadyHttpInstances }
      { name: 'function:orderProcessor', instanceCount: alwaysReadyProcessorInstances }
    ],
    map(range(0, orderQueues == 1 ? 0 : orderQueues), number => {
      name: 'function:orderProcessor${number}'
      instanceCount: alwaysReadyProcessorInstances
    }),
    empty(cosmosAccountName) ? [] : [{ name: 'function:orderChanged', instanceCount: alwaysReadyProcessorInstances }]
  ),
  group => group.instanceCount > 0
)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource deploymentIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: deploymentIdentityName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = if (!empty(cosmosAccountName)) {
  name: empty(cosmosAccountName) ? 'none' : cosmosAccountName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  // https://learn.microsoft.com/azure/azure-functions/functions-zone-redundancy
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  // azd finds what to deploy the service `orders` of azure.yaml to by this tag.
  tags: union(tags, { 'azd-service-name': 'orders' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {}, '${deploymentIdentity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      runtime: { name: 'node', version: '24' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storageAccountName}.blob.${environment().suffixes.storage}/deployments'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: deploymentIdentity.id
          }
        }
      }
      // https://learn.microsoft.com/azure/azure-functions/flex-consumption-site-updates
      #disable-next-line BCP037 // Part of the API since 2024-11-01; Bicep's types lack it.
      siteUpdateStrategy: { type: siteUpdateStrategy }
      scaleAndConcurrency: {
        alwaysReady: alwaysReady
        maximumInstanceCount: maximumInstances
        instanceMemoryMB: instanceMemoryMB
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
    }
  }

  // Deployments authenticate as an Entra identity: the publish profile's user names and passwords are off.
  resource ftpCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource publishCredentials 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(
      storageSettings,
      importSettings,
      { ORDER_QUEUES: string(orderQueues) },
      telemetrySettings,
      empty(keyVaultName) ? {} : keyVaultSettings,
      empty(cosmosAccountName) ? {} : cosmosSettings
    )
  }
}

var storageAddress = 'https://${storageAccountName}'
// The connection `AzureWebJobsStorage`, of the host and of the app, by identity. The host needs all three addresses:
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
var storageSettings = {
  // Beside the addresses: with those alone the host sometimes fails to start.
  // https://github.com/Azure/azure-functions-host/issues/11787
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__blobServiceUri: '${storageAddress}.blob.${environment().suffixes.storage}'
  AzureWebJobsStorage__queueServiceUri: '${storageAddress}.queue.${environment().suffixes.storage}'
  AzureWebJobsStorage__tableServiceUri: '${storageAddress}.table.${environment().suffixes.storage}'
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
}
var importSettings = {
  // Flex Consumption does not look at containers: files are found by events.
  // https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#considerations
  IMPORT_SOURCE: 'EventGrid'
  // The name of the host's own queue has it (storage.bicep). This is what the host would choose itself.
  // https://learn.microsoft.com/azure/azure-functions/storage-considerations#host-id-considerations
  AzureFunctionsWebHost__hostid: name
}
var telemetrySettings = {
  // The host would keep diagnostic events in a table of its own, made at run time: the identity may not, and the
  // same events are in the logs.
  AzureWebJobsFeatureFlags: 'DisableDiagnosticEventLogging'
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identity.properties.clientId}'
  // What became of an order is a trace: none may be sampled away, or the alerts and docs/operations.md would lie.
  // This is host.json's value with `Trace` added: https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values
  AzureFunctionsJobHost__logging__applicationInsights__samplingSettings__excludedTypes: 'Request;Exception;Trace'
}
// https://learn.microsoft.com/azure/azure-functions/function-keys-how-to#manage-key-storage
var keyVaultSettings = {
  AzureWebJobsSecretStorageType: 'keyvault'
  AzureWebJobsSecretStorageKeyVaultUri: 'https://${keyVaultName}${environment().suffixes.keyvaultDns}'
  AzureWebJobsSecretStorageKeyVaultClientId: identity.properties.clientId
}
// The connection `CosmosDb`, of the host's trigger and of the app, by identity.
// https://learn.microsoft.com/azure/azure-functions/functions-bindings-cosmosdb-v2-trigger#connections
var cosmosSettings = {
  ORDER_STORE: 'cosmos'
  CosmosDb__accountEndpoint: empty(cosmosAccountName) ? '' : cosmos!.properties.documentEndpoint
  CosmosDb__credential: 'managedidentity'
  CosmosDb__clientId: identity.properties.clientId
}

output url string = 'https://${app.properties.defaultHostName}'
