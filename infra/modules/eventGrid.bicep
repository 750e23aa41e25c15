// What tells the app of files to import: the storage account's events. Who gets them is set after each deployment, by
// scripts/subscribe-imports.ts: the address has a key that the host makes when the function is there, and no template may read it.

@description('Name of the system topic.')
param name string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags object

@description('Name of the storage account.')
param storageAccountName string

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  properties: {
    source: account.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}
