/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-return -- the shape of these documents is Azure's: a check that misses what it reads has found a fault */
import { ofType, theOne, type Deployment, type Json, type Snapshot } from './deployment.ts'
import { queryFaults } from './kusto.ts'
import { inCosmosDb, inDefault, inFile, unless, type InfraPromise } from './promise.ts'

const ALERT = 'Microsoft.Insights/scheduledQueryRules'
const WORKBOOK = 'Microsoft.Insights/workbooks'

/**
 * The platform metrics that may be named, by namespace.
 * https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-storage-storageaccounts-queueservices-metrics
 */
const METRICS: Readonly<Record<string, readonly string[]>> = {
  'microsoft.storage/storageaccounts/queueservices': ['QueueCapacity', 'QueueCount', 'QueueMessageCount'],
}

/** What the queries promise, those of the alerts, of the workbook and of docs/operations.md. */
export const QUERY_PROMISES: readonly InfraPromise[] = [
  {
    says: 'every query parses, and every table and column it names exists',
    violations: (deployment) => {
      const queries = queriesOf(deployment)
      return [
        ...unless(queries.length >= 17, `only ${queries.length} queries`),
        ...queries.flatMap(({ where, query }) => queryFaults(query).map((fault) => `${where}: ${fault}`)),
      ]
    },
    breaches: {
      'a column of the events is misspelt': inCosmosDb((s) => {
        const rule = theRule(s, 'orders-events-failed')
        rule.query = String(rule.query).replace('TimeGenerated', 'TimeGenerate')
      }),
      'a column is misspelt': inDefault((s) => {
        const rule = theRule(s, 'orders-unavailable')
        rule.query = String(rule.query).replace('ResultCode', 'ResultCod')
      }),
      'a table is misspelt': inDefault((s) => {
        const rule = theRule(s, 'orders-poisoned')
        rule.query = String(rule.query).replace('AppTraces', 'AppTrace')
      }),
      'a pipe is missing': inDefault((s) => {
        const rule = theRule(s, 'orders-slo-latency')
        rule.query = String(rule.query).replace('| project', 'project')
      }),
      'a function does not exist': inDefault((s) => {
        const rule = theRule(s, 'orders-waiting')
        rule.query = String(rule.query).replaceAll('arg_max(', 'argmax(')
      }),
      'the workbook’s query is cut': inDefault((s) => {
        const workbook = theOne(s, WORKBOOK)
        workbook.properties.serializedData = String(workbook.properties.serializedData).replace(
          'percentile(DurationMs, 50)',
          'percentile(Duration, 50)',
        )
      }),
      'a query in the documentation is misspelt': inFile('docs/operations.md', (text) =>
        text.replace('_BilledSize', '_BiledSize'),
      ),
    },
  },
  {
    says: 'every rule compares a column that its query gives',
    violations: ({ cosmos }) =>
      ofType(cosmos, ALERT).flatMap(({ name, properties }) => {
        const { query, metricMeasureColumn, timeAggregation } = properties.criteria.allOf[0]
        if (metricMeasureColumn === null || metricMeasureColumn === undefined) {
          return unless(timeAggregation === 'Count', `${name} compares nothing`)
        }
        return queryFaults(`${String(query)}\n| project todouble(${String(metricMeasureColumn)})`).map(
          (fault) => `${name}: ${fault}`,
        )
      }),
    breaches: {
      'a column that is not there': inCosmosDb(
        (s) => (theRule(s, 'orders-failing').metricMeasureColumn = 'percent'),
      ),
      'no column': inCosmosDb((s) => (theRule(s, 'orders-slo-queue-age').metricMeasureColumn = null)),
    },
  },
  {
    says: 'every platform metric that the workbook names exists',
    violations: ({ byDefault }) => {
      const metrics = workbookItems(byDefault).flatMap((item) =>
        item.type === 10 ? (item.content.metrics as Json[]) : [],
      )
      return [
        ...unless(metrics.length > 0, 'no metric'),
        ...metrics.flatMap(({ namespace, metric }) => {
          const name = String(metric).split('-').at(-1) ?? ''
          return unless(METRICS[String(namespace)]?.includes(name) === true, `${String(namespace)}: ${name}`)
        }),
      ]
    },
    breaches: {
      'a metric that does not exist': inDefault((s) => {
        const workbook = theOne(s, WORKBOOK)
        workbook.properties.serializedData = String(workbook.properties.serializedData).replaceAll(
          'QueueMessageCount',
          'QueueLength',
        )
      }),
    },
  },
  {
    says: 'every file of infra/queries is used',
    violations: (deployment) => {
      const all = queriesOf(deployment).map(({ query }) => query)
      return Object.entries(deployment.files).flatMap(([name, text]) =>
        name.endsWith('.kql')
          ? unless(
              all.some((query) => query.includes(text.trimEnd())),
              name,
            )
          : [],
      )
    },
    breaches: {
      'a query that nobody asks': ({ files }) => {
        files['infra/queries/forgotten.kql'] = 'AppTraces | where Message == "forgotten"\n'
      },
    },
  },
]

interface Query {
  readonly where: string
  readonly query: string
}

/** Every query there is, each as it is sent. */
function queriesOf({ byDefault, cosmos, files }: Deployment): Query[] {
  return [
    ...[byDefault, cosmos]
      .flatMap((snapshot) => ofType(snapshot, ALERT))
      .map(({ name, properties }) => ({
        where: name,
        query: String(properties.criteria.allOf[0].query),
      })),
    ...workbookItems(byDefault).flatMap((item) =>
      item.type === 3
        ? [{ where: `workbook, ${String(item.content.title)}`, query: String(item.content.query) }]
        : [],
    ),
    ...[...(files['docs/operations.md'] ?? '').matchAll(/^```kusto\n(.*?)^```/gms)].map(
      ([, query = ''], index) => ({
        where: `docs/operations.md, ${index + 1}`,
        query,
      }),
    ),
  ]
}

function workbookItems(snapshot: Snapshot): Json[] {
  return JSON.parse(String(theOne(snapshot, WORKBOOK).properties.serializedData)).items as Json[]
}

function theRule(snapshot: Snapshot, name: string): Json {
  return ofType(snapshot, ALERT).find((rule) => rule.name === name)?.properties.criteria.allOf[0] ?? {}
}
