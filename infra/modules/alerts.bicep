// Who is told what. Every rule asks the logs: docs/operations.md says what to do about each, and why not storage metrics.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Who gets the alerts by e-mail. Empty: alerts fire in the portal only.')
param email string

@description('Minutes that an order may wait in the queue.')
@minValue(1)
param oldestOrderMinutes int = 10

@description('Per cent of invocations that may fail within 15 minutes.')
@minValue(0)
@maxValue(100)
param failurePercent int = 5

@description('Answers of 503 that may be given within 15 minutes.')
@minValue(0)
param unavailableAnswers int = 10

var orders = loadTextContent('../queries/orders.kql')

var rules = [
  {
    name: 'orders-poisoned'
    displayName: 'Orders: messages on orders-poison'
    description: 'A message could not be processed and was put on the queue orders-poison. Look: npm run poison -- list'
    severity: 1
    query: '${orders}\n${loadTextContent('../queries/poison.kql')}'
    measure: null
    range: null
    threshold: 0
  }
  {
    name: 'orders-waiting'
    displayName: 'Orders: oldest order waits too long'
    description: 'The oldest queued order has waited for longer than ${oldestOrderMinutes} minutes.'
    severity: 2
    query: '${orders}\n${loadTextContent('../queries/oldest-order.kql')}'
    measure: 'ageMinutes'
    // An order that was accepted longer ago than the other rules look back is what this one is for.
    range: 'P1D'
    threshold: oldestOrderMinutes
  }
  {
    name: 'orders-failing'
    displayName: 'Orders: failure rate'
    description: 'More than ${failurePercent} per cent of invocations failed within 15 minutes.'
    severity: 2
    query: loadTextContent('../queries/failure-rate.kql')
    measure: 'failedPercent'
    range: null
    threshold: failurePercent
  }
  {
    name: 'orders-unavailable'
    displayName: 'Orders: answers of 503'
    description: 'More than ${unavailableAnswers} requests were answered 503 within 15 minutes: storage could not be reached.'
    severity: 2
    query: loadTextContent('../queries/unavailable.kql')
    measure: null
    range: null
    threshold: unavailableAnswers
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'orders-operators'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'orders'
    enabled: true
    emailReceivers: [
      { name: 'operators', emailAddress: email, useCommonAlertSchema: true }
    ]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
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
            operator: 'GreaterThan'
            threshold: rule.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      // A workspace that has not seen the app yet can't check the columns.
      skipQueryValidation: true
      actions: { actionGroups: empty(email) ? [] : [operators.id] }
    }
  }
]
