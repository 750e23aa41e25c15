// Who is told what. Every rule about orders asks the logs: docs/operations.md says what to do about each, and why not storage
// metrics.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the action group that is told. Empty: alerts fire in the portal only.')
param actionGroupName string

@description('Name of the account of Cosmos DB. Empty: there is none.')
param cosmosAccountName string

@description('Minutes that an order may wait in the queue. Not below 11: a message whose instance died comes back after a lease of 10.')
@minValue(11)
param oldestOrderMinutes int = 15

@description('Per cent of invocations that may fail within 15 minutes.')
@minValue(0)
@maxValue(100)
param failurePercent int = 5

@description('Responses of 503 that may be given within 15 minutes.')
@minValue(0)
param unavailableResponses int = 10

@description('Requests to Cosmos DB that may be refused within 15 minutes because there is too much to do. The app retries each within two seconds.')
@minValue(0)
param throttledRequests int = 100

var orders = loadTextContent('../queries/orders.kql')
var queues = loadTextContent('../queries/queues.kql')
var imports = loadTextContent('../queries/imports.kql')
var burn = loadTextContent('../queries/slo-burn.kql')

// `range`: how far a query may look back, where that is further than the window. `measure`: the column that is compared;
// without one the rows are counted.
var rules = [
  {
    name: 'orders-poisoned'
    displayName: 'Orders: messages lie on a poison queue'
    description: 'At the last measurement there were messages on a poison queue. Look: npm run poison -- list'
    severity: 1
    query: '${queues}\n${loadTextContent('../queries/poison-depth.kql')}'
    measure: 'depth'
    range: null
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'orders-waiting'
    displayName: 'Orders: oldest order waits too long'
    description: 'The oldest queued order has waited for longer than ${oldestOrderMinutes} minutes.'
    severity: 2
    query: '${orders}\n${queues}\n${loadTextContent('../queries/oldest-order.kql')}'
    measure: 'ageMinutes'
    // An order that was accepted longer ago than the other rules look back is what this one is for.
    range: 'P1D'
    operator: 'GreaterThan'
    threshold: oldestOrderMinutes
  }
  {
    name: 'orders-unmeasured'
    displayName: 'Orders: the queues are not measured'
    description: 'queueMonitor logged no measurement within 15 minutes: the app does not run, or storage does not respond to it.'
    severity: 2
    query: '${queues}\n${loadTextContent('../queries/measurements.kql')}'
    measure: 'measurements'
    range: null
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'orders-imports-failed'
    displayName: 'Orders: an import failed'
    description: 'A file of orders could not be imported, or not be read to its end. Look: docs/operations.md, "An import failed"'
    severity: 2
    query: '${imports}\n${loadTextContent('../queries/imports-failed.kql')}'
    measure: null
    range: null
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'orders-failing'
    displayName: 'Orders: failure rate'
    description: 'More than ${failurePercent} per cent of invocations failed within 15 minutes, 503 left out.'
    severity: 2
    query: loadTextContent('../queries/failure-rate.kql')
    measure: 'failedPercent'
    range: null
    operator: 'GreaterThan'
    threshold: failurePercent
  }
  {
    name: 'orders-unavailable'
    displayName: 'Orders: responses of 503'
    description: 'More than ${unavailableResponses} requests got a 503 within 15 minutes: storage could not be reached.'
    severity: 2
    query: loadTextContent('../queries/unavailable.kql')
    measure: null
    range: null
    operator: 'GreaterThan'
    threshold: unavailableResponses
  }
  {
    name: 'orders-slo-availability'
    displayName: 'Orders: availability burns its error budget'
    description: 'At this rate the error budget of 30 days is spent in 2 days (the last hour) or in 5 (the last 6).'
    severity: 2
    query: '${loadTextContent('../queries/slo-availability.kql')}\n${burn}'
    measure: 'burn'
    range: 'P1D'
    operator: 'GreaterThan'
    threshold: 1
  }
  {
    name: 'orders-slo-latency'
    displayName: 'Orders: latency burns its error budget'
    description: 'Too many requests take longer than a second: the error budget of 30 days is spent in 2 to 5 days at this rate.'
    severity: 3
    query: '${loadTextContent('../queries/slo-latency.kql')}\n${burn}'
    measure: 'burn'
    range: 'P1D'
    operator: 'GreaterThan'
    threshold: 1
  }
  {
    name: 'orders-slo-queue-age'
    displayName: 'Orders: queue age burns its error budget'
    description: 'Orders wait for longer than 5 minutes too often: the error budget of 30 days is spent in 2 to 5 days at this rate.'
    severity: 3
    query: '${queues}\n${loadTextContent('../queries/slo-queue-age.kql')}\n${burn}'
    measure: 'burn'
    range: 'P1D'
    operator: 'GreaterThan'
    threshold: 1
  }
]

// A batch is delivered again once a minute, so that one which never succeeds is neither many failures nor a large part of them.
var eventRules = [
  {
    name: 'orders-events-failed'
    displayName: 'Orders: events are not sent'
    description: 'orderChanged failed more than 3 times within 15 minutes, and the changes behind it wait. Look: docs/operations.md, "Events are not sent"'
    severity: 2
    query: loadTextContent('../queries/events-failed.kql')
    measure: null
    range: null
    operator: 'GreaterThan'
    threshold: 3
  }
]

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' existing = if (!empty(actionGroupName)) {
  name: empty(actionGroupName) ? 'none' : actionGroupName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in concat(rules, empty(cosmosAccountName) ? [] : eventRules): {
    name: rule.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.displayName
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspace.id]
      // Telemetry takes minutes to arrive: each run looks back three times as far as runs are apart.
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      overrideQueryTimeRange: rule.range
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: rule.measure == null ? 'Count' : 'Maximum'
            metricMeasureColumn: rule.measure
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      // A workspace that has not seen the app yet can't check the columns.
      skipQueryValidation: true
      actions: { actionGroups: empty(actionGroupName) ? [] : [operators.id] }
    }
  }
]

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = if (!empty(cosmosAccountName)) {
  name: empty(cosmosAccountName) ? 'none' : cosmosAccountName
}

// The log does not have it: a request that is refused and succeeds when it is repeated is no event of an order. Some are normal.
// https://learn.microsoft.com/azure/cosmos-db/nosql/troubleshoot-request-rate-too-large
resource throttled 'Microsoft.Insights/metricAlerts@2018-03-01' = if (!empty(cosmosAccountName)) {
  name: 'orders-throttled'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB refused more than ${throttledRequests} requests within 15 minutes: too many for its request units (429).'
    severity: 2
    enabled: true
    scopes: [cosmos.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          name: 'throttled'
          criterionType: 'StaticThresholdCriterion'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          metricName: 'TotalRequests'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: throttledRequests
        }
      ]
    }
    autoMitigate: true
    actions: empty(actionGroupName) ? [] : [{ actionGroupId: operators.id }]
  }
}

// What Azure says of its own: the app, the plan, the storage account, the account of Cosmos DB.
// https://learn.microsoft.com/azure/service-health/resource-health-alert-arm-template-guide
resource health 'Microsoft.Insights/activityLogAlerts@2020-10-01' = {
  name: 'orders-resource-health'
  location: 'global'
  tags: tags
  properties: {
    description: 'Azure reports a resource of the service as unavailable or degraded.'
    enabled: true
    scopes: [resourceGroup().id]
    condition: {
      allOf: [
        { field: 'category', equals: 'ResourceHealth' }
        {
          anyOf: [
            { field: 'properties.currentHealthStatus', equals: 'Unavailable' }
            { field: 'properties.currentHealthStatus', equals: 'Degraded' }
          ]
        }
        {
          anyOf: [
            // What a person did on purpose is no alert.
            { field: 'properties.cause', equals: 'PlatformInitiated' }
            { field: 'properties.cause', equals: 'Unknown' }
          ]
        }
      ]
    }
    actions: { actionGroups: empty(actionGroupName) ? [] : [{ actionGroupId: operators.id }] }
  }
}
