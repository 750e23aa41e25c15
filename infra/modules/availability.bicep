// Whether the app responds, seen from outside: a request of GET /api/hello, which touches no storage.
// https://learn.microsoft.com/azure/azure-monitor/app/availability

@description('Name of the Application Insights component that gets the results.')
param applicationInsightsName string

@description('Address that is requested.')
param url string

@description('Azure region.')
param location string

@description('Tags of the resources.')
param tags object

@description('Name of the action group that is told. Empty: alerts fire in the portal only.')
param actionGroupName string

@description('Seconds between two requests from one place: 300, 600 or 900.')
@allowed([300, 600, 900])
param frequencySeconds int = 900

// West Europe, North Europe, East US, South Central US, Southeast Asia. Five, so that two that fail are no accident of one:
// https://learn.microsoft.com/azure/azure-monitor/app/availability-alerts
var places = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr', 'us-tx-sn1-azr', 'apac-sg-sin-azr']

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' existing = if (!empty(actionGroupName)) {
  name: empty(actionGroupName) ? 'none' : actionGroupName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource test 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'orders-hello'
  location: location
  // The portal finds the test by this tag.
  tags: union(tags, { 'hidden-link:${applicationInsights.id}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'orders-hello'
    Name: 'orders-hello'
    Enabled: true
    Frequency: frequencySeconds
    // A cold start takes its time.
    Timeout: 30
    Kind: 'standard'
    RetryEnabled: true
    Locations: [for place in places: { Id: place }]
    Request: { RequestUrl: url, HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}

resource alert 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'orders-unreachable'
  location: 'global'
  tags: tags
  properties: {
    description: 'GET /api/hello failed from at least two places.'
    severity: 1
    enabled: true
    scopes: [test.id, applicationInsights.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: test.id
      componentId: applicationInsights.id
      failedLocationCount: 2
    }
    autoMitigate: true
    actions: empty(actionGroupName) ? [] : [{ actionGroupId: operators.id }]
  }
}
