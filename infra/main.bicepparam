// Values come from the azd environment: `azd env set MAXIMUM_INSTANCES 100`, then `azd provision`. From GitHub they come
// from the variables that azure.yaml lists. This file has the defaults.
using 'main.bicep'

import { setting } from 'settings.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = any(readEnvironmentVariable('AZURE_LOCATION'))
param store = any(setting(readEnvironmentVariable('STORE', ''), 'tables'))
param vnetEnabled = bool(setting(readEnvironmentVariable('VNET_ENABLED', ''), 'false'))
param vnetJoined = bool(setting(readEnvironmentVariable('VNET_JOINED', ''), 'false'))
param vnetAddressPrefix = setting(readEnvironmentVariable('VNET_ADDRESS_PREFIX', ''), '10.0.0.0/24')
param vnetAppSubnetId = readEnvironmentVariable('VNET_APP_SUBNET_ID', '')
param vnetEndpointSubnetId = readEnvironmentVariable('VNET_ENDPOINT_SUBNET_ID', '')
param privateDnsGroupId = readEnvironmentVariable('PRIVATE_DNS_GROUP_ID', '')
param storageRedundancy = any(setting(readEnvironmentVariable('STORAGE_REDUNDANCY', ''), 'Standard_LRS'))
param zoneRedundant = bool(setting(readEnvironmentVariable('ZONE_REDUNDANT', ''), 'false'))
param siteUpdateStrategy = any(setting(readEnvironmentVariable('SITE_UPDATE_STRATEGY', ''), 'Recreate'))
param functionKeysInKeyVault = bool(setting(readEnvironmentVariable('FUNCTION_KEYS_IN_KEY_VAULT', ''), 'false'))
param alwaysReadyHttpInstances = int(setting(readEnvironmentVariable('ALWAYS_READY_HTTP_INSTANCES', ''), '0'))
param alwaysReadyProcessorInstances = int(setting(readEnvironmentVariable('ALWAYS_READY_PROCESSOR_INSTANCES', ''), '0'))
param maximumInstances = int(setting(readEnvironmentVariable('MAXIMUM_INSTANCES', ''), '40'))
param orderQueues = int(setting(readEnvironmentVariable('ORDER_QUEUES', ''), '1'))
param instanceMemoryMB = any(int(setting(readEnvironmentVariable('INSTANCE_MEMORY_MB', ''), '2048')))
param httpConcurrency = int(setting(readEnvironmentVariable('HTTP_CONCURRENCY', ''), '16'))
param logRetentionDays = int(setting(readEnvironmentVariable('LOG_RETENTION_DAYS', ''), '30'))
param availabilityTest = bool(setting(readEnvironmentVariable('AVAILABILITY_TEST', ''), 'true'))
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
