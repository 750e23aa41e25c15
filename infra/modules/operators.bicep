// Who is told when an alert fires.

@description('Name of the action group.')
param name string

@description('Tags of the resource.')
param tags object

@description('Who gets the alerts by e-mail.')
@minLength(3)
param email string

resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
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
