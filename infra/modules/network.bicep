// A virtual network, the app's own or a given one, in which storage has private addresses and no other.

@description('Name of the virtual network.')
param name string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the storage account.')
param storageAccountName string

@description('Addresses of the network.')
param addressPrefix string

@description('Resource id of a given subnet for the app. Empty: a network is created.')
param appSubnetId string

@description('Resource id of a given subnet for the private endpoints. Empty: a network is created.')
param endpointSubnetId string

@description('Resource id of the resource group with the privatelink DNS zones. Empty: zones are created.')
param privateDnsGroupId string

var services = ['blob', 'queue', 'table']
var ownNetwork = empty(appSubnetId) || empty(endpointSubnetId)
var ownZones = empty(privateDnsGroupId)
var zoneNames = [for service in services: 'privatelink.${service}.${environment().suffixes.storage}']

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

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
  for zone in (ownZones ? zoneNames : []): {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, i) in (ownZones ? zoneNames : []): {
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
    name: 'pe-${storageAccountName}-${service}'
    location: location
    tags: tags
    properties: {
      subnet: { id: ownNetwork ? network::endpoints.id : endpointSubnetId }
      privateLinkServiceConnections: [
        {
          name: service
          properties: { privateLinkServiceId: account.id, groupIds: [service] }
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
          name: service
          properties: {
            privateDnsZoneId: ownZones
              ? resourceId('Microsoft.Network/privateDnsZones', zoneNames[i])
              : '${privateDnsGroupId}/providers/Microsoft.Network/privateDnsZones/${zoneNames[i]}'
          }
        }
      ]
    }
    dependsOn: [links]
  }
]
