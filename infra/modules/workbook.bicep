// The dashboard: Azure Portal > Monitor > Workbooks > Orders.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the storage account.')
param storageAccountName string

@description('Azure region.')
param location string

@description('Tags of the resource.')
param tags object

var orders = loadTextContent('../queries/orders.kql')
var queues = loadTextContent('../queries/queues.kql')

var imports = loadTextContent('../queries/imports.kql')

var charts = [
  {
    title: 'Orders a minute'
    query: '${orders}\n${loadTextContent('../queries/orders-per-minute.kql')}'
    view: 'timechart'
  }
  {
    title: 'Duration of invocations in ms, p50 and p99'
    query: loadTextContent('../queries/durations.kql')
    view: 'timechart'
  }
  {
    title: 'Time in the queue in ms, p50 and p99'
    query: '${orders}\n${loadTextContent('../queries/queue-times.kql')}'
    view: 'timechart'
  }
  {
    title: 'Messages in each queue'
    query: '${queues}\n${loadTextContent('../queries/queue-depth.kql')}'
    view: 'timechart'
  }
  {
    title: 'Age of the oldest message in each queue, in minutes'
    query: '${queues}\n${loadTextContent('../queries/queue-age.kql')}'
    view: 'timechart'
  }
  {
    title: 'Backlog: accepted orders that wait'
    query: '${orders}\n${loadTextContent('../queries/backlog.kql')}'
    view: 'timechart'
  }
  { title: 'Files of orders', query: '${imports}\n${loadTextContent('../queries/imports-latest.kql')}', view: 'table' }
  { title: 'Poisoned messages', query: '${orders}\n${loadTextContent('../queries/poison.kql')}', view: 'table' }
]

var timeRange = {
  type: 9
  name: 'time'
  content: {
    version: 'KqlParameterItem/1.0'
    crossComponentResources: [workspace.id]
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    parameters: [
      {
        id: guid(workspace.id, 'time')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 14400000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 14400000 }
            { durationMs: 86400000 }
            { durationMs: 604800000 }
          ]
          allowCustom: true
        }
      }
    ]
  }
}

var queries = [
  for (chart, i) in charts: {
    type: 3
    name: 'chart-${i}'
    customWidth: '50'
    content: {
      version: 'KqlItem/1.0'
      query: chart.query
      size: 0
      title: chart.title
      timeContextFromParameter: 'TimeRange'
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      crossComponentResources: [workspace.id]
      visualization: chart.view
    }
  }
]

// Storage counts the messages of all queues of the account together, and once an hour.
// https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-storage-storageaccounts-queueservices-metrics
var queueLength = {
  type: 10
  name: 'queue-length'
  customWidth: '50'
  content: {
    version: 'MetricsItem/2.0'
    chartId: guid(account.id, 'queue-length')
    size: 0
    chartType: 2
    title: 'Messages on all queues, hourly'
    resourceType: 'microsoft.storage/storageaccounts'
    resourceIds: [account.id]
    metricScope: 0
    timeContextFromParameter: 'TimeRange'
    metrics: [
      {
        namespace: 'microsoft.storage/storageaccounts/queueservices'
        metric: 'microsoft.storage/storageaccounts/queueservices-Capacity-QueueMessageCount'
        aggregation: 4
      }
    ]
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // A workbook's name is a GUID.
  name: guid(resourceGroup().id, 'orders')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Orders'
    category: 'workbook'
    // The gallery of Azure Monitor itself, not the workspace's own.
    // https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-automate
    sourceId: 'azure monitor'
    version: 'Notebook/1.0'
    serializedData: string({
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
      version: 'Notebook/1.0'
      items: concat([timeRange], queries, [queueLength])
      fallbackResourceIds: [workspace.id]
    })
  }
}

output id string = workbook.id
