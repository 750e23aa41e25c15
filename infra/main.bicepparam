// Values come from the azd environment: `azd env set MAXIMUM_INSTANCES 100`, then `azd provision`.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param vnetEnabled = bool(readEnvironmentVariable('VNET_ENABLED', 'false'))
param storageRedundancy = any(readEnvironmentVariable('STORAGE_REDUNDANCY', 'Standard_LRS'))
param alwaysReadyHttpInstances = int(readEnvironmentVariable('ALWAYS_READY_HTTP_INSTANCES', '0'))
param alwaysReadyProcessorInstances = int(readEnvironmentVariable('ALWAYS_READY_PROCESSOR_INSTANCES', '0'))
param maximumInstances = int(readEnvironmentVariable('MAXIMUM_INSTANCES', '40'))
param instanceMemoryMB = any(int(readEnvironmentVariable('INSTANCE_MEMORY_MB', '2048')))
param httpConcurrency = int(readEnvironmentVariable('HTTP_CONCURRENCY', '16'))
param logRetentionDays = int(readEnvironmentVariable('LOG_RETENTION_DAYS', '30'))
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
