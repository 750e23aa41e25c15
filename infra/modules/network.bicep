// A virtual network, the app's own or a given one, in which storage and Cosmos DB have private addresses and no other.

@description('Name of the virtual network.')
param name string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the storage account.')
param storageAccountName string

@description('Name of the account of Cosmos DB. Empty: there is none.')
param cosmosAccountName string

@description('Addresses of the network.')
param addressPrefix string

@description('Resource id of a given subnet for the app. Empty: a network is created.')
param appSubnetId string

@description('Resource id of a given subnet for the private endpoints. Empty: a network is created.')
param endpointSubnetId string

@description('Resource id of the resource group with the privatelink DNS zones. Empty: zones are created.')
param privateDnsGroupId string

var ownNetwork = empty(appSubnetId) || empty(endpointSubnetId)
var ownZones = empty(privateDnsGroupId)
// What has an endpoint. `group` is what the account calls the service.
// https://learn.microsoft.com/azure/private-link/private-endpoint-dns
var storageServices = map(['blob', 'queue', 'table'], service => {
  group: service
  account: storageAccountName
  accountId: resourceId('Microsoft.Storage/storageAccounts', storageAccountName)
  zone: 'privatelink.${service}.${environment().suffixes.storage}'
})
var cosmosServices = empty(cosmosAccountName)
  ? []
  : [
      {
        group: 'Sql'
        account: cosmosAccountName
        accountId: resourceId('Microsoft.DocumentDB/databaseAccounts', cosmosAccountName)
        zone: 'privatelink.documents.azure.com'
      }
    ]
var services = concat(storageServices, cosmosServices)

resource network 'Microsoft.Network/virtualNetworks@2025-01-01' = if (ownNetwork) {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'app'
        properties: {
          // Delegated as Flex Consumption wants it; nothing else may live in it.
          // https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: [
            { name: 'flex-consumption', properties: { serviceName: 'Microsoft.App/environments' } }
          ]
        }
      }
      {
        name: 'private-endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
        }
      }
    ]
  }

  resource endpoints 'subnets' existing = {
    name: 'private-endpoints'
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for service in (ownZones ? services : []): {
    name: service.zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (service, i) in (ownZones ? services : []): {
    parent: zones[i]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: ownNetwork ? network.id : join(take(split(appSubnetId, '/'), 9), '/') }
    }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-01-01' = [
  for service in services: {
    name: 'pe-${service.account}-${toLower(service.group)}'
    location: location
    tags: tags
    properties: {
      subnet: { id: ownNetwork ? network::endpoints.id : endpointSubnetId }
      privateLinkServiceConnections: [
        {
          name: service.group
          properties: { privateLinkServiceId: service.accountId, groupIds: [service.group] }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-01-01' = [
  for (service, i) in services: {
    parent: privateEndpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: service.group
          properties: {
            privateDnsZoneId: ownZones
              ? resourceId('Microsoft.Network/privateDnsZones', service.zone)
              : '${privateDnsGroupId}/providers/Microsoft.Network/privateDnsZones/${service.zone}'
          }
        }
      ]
    }
    dependsOn: [links]
  }
]
