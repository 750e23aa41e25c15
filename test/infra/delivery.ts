import { parse } from 'yaml'
import { inFile, same, unless, type InfraPromise } from './promise.ts'
import type { Deployment } from './deployment.ts'

const RELEASE = '.github/workflows/azure-dev.yml'
const CI = '.github/workflows/ci.yml'
const PARAMETERS = 'infra/main.bicepparam'

/** Set by azd itself. https://learn.microsoft.com/azure/developer/azure-developer-cli/pipeline-advanced-features */
const KNOWN_TO_AZD = ['AZURE_ENV_NAME', 'AZURE_LOCATION']

/** Who signs in. */
const SIGN_IN = ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID']

/** Looked up by the workflow, kept by azd from its last provisioning elsewhere: nobody sets it. */
const LOOKED_UP = ['VNET_JOINED']

/** The actions' releases and their commits, read from the tags. */
const ACTIONS: Readonly<Record<string, string>> = {
  'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1': 'v7.0.1',
  'actions/setup-node@820762786026740c76f36085b0efc47a31fe5020': 'v7.0.0',
  'actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a': 'v7.0.1',
  'actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c': 'v8.0.1',
  'actions/attest-build-provenance@a2bbfa25375fe432b6a289bc6b6cd05ecd0c4c32': 'v4.1.0',
  'actions/dependency-review-action@2031cfc080254a8a887f58cffee85186f0e49e48': 'v4.9.0',
  'Azure/setup-azd@0b7e3a35ab00f2eee7080c845eb39c3f0ebfa553': 'v2.4.0',
  'azure/login@f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca': 'v3.0.1',
  'github/codeql-action/init@8aad20d150bbac5944a9f9d289da16a4b0d87c1e': 'v4.36.2',
  'github/codeql-action/analyze@8aad20d150bbac5944a9f9d289da16a4b0d87c1e': 'v4.36.2',
}

interface Step {
  readonly name?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
}

interface Job {
  readonly uses?: string
  readonly needs?: string | readonly string[]
  readonly if?: string
  readonly environment?: string
  readonly permissions?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly steps?: readonly Step[]
}

/** What the way from a commit to Azure promises. */
export const DELIVERY_PROMISES: readonly InfraPromise[] = [
  {
    says: 'azure.yaml, the workflow, main.bicepparam and docs/operations.md know the same variables',
    violations: ({ files }) => {
      const read = [...(files[PARAMETERS] ?? '').matchAll(/readEnvironmentVariable\('(\w+)'/g)].map(
        ([, name = '']) => name,
      )
      const settings = read.filter((name) => ![...KNOWN_TO_AZD, ...LOOKED_UP].includes(name))
      const listed = pipelineVariables(files)
      const { env = {} } = deployJob(files)
      return [
        ...unless(settings.length >= 17, 'main.bicepparam reads hardly anything'),
        ...difference('azure.yaml', listed, settings),
        ...difference(RELEASE, Object.keys(env), [...SIGN_IN, ...KNOWN_TO_AZD, ...settings]),
        ...Object.entries(env).flatMap(([name, value]) =>
          unless(value === `\${{ vars.${name} }}`, `${RELEASE}: ${name} is ${value}`),
        ),
        ...LOOKED_UP.flatMap((name) => [
          ...unless(read.includes(name), `${PARAMETERS} does not read ${name}`),
          ...unless(
            runsOf(deployJob(files)).some((run) => run.includes(`echo "${name}=`)),
            `${RELEASE} does not look up ${name}`,
          ),
        ]),
        ...settings.flatMap((name) =>
          unless((files['docs/operations.md'] ?? '').includes(`\`${name}\``), `docs/operations.md: ${name}`),
        ),
      ]
    },
    breaches: {
      'azure.yaml omits one': inFile('azure.yaml', (text) => text.replace('    - HTTP_CONCURRENCY\n', '')),
      'azure.yaml has one too many': inFile('azure.yaml', (text) => `${text}    - HTTP_CONCURENCY\n`),
      'the workflow omits one': inFile(RELEASE, (text) => text.replace(/ {6}ZONE_REDUNDANT: .*\n/, '')),
      'the workflow has a default of its own': inFile(RELEASE, (text) =>
        text.replace('vars.MAXIMUM_INSTANCES }}', "vars.MAXIMUM_INSTANCES || '40' }}"),
      ),
      'the workflow mixes two up': inFile(RELEASE, (text) =>
        text.replace('${{ vars.VNET_APP_SUBNET_ID }}', '${{ vars.VNET_ENDPOINT_SUBNET_ID }}'),
      ),
      'main.bicepparam reads another one': inFile(PARAMETERS, (text) =>
        text.replace("'ALERT_EMAIL'", "'ALERT_MAIL'"),
      ),
      'the workflow forgets that the app has joined': inFile(RELEASE, (text) =>
        text.replaceAll('VNET_JOINED', 'JOINED'),
      ),
      'the documentation omits one': inFile('docs/operations.md', (text) =>
        text.replaceAll('`SITE_UPDATE_STRATEGY`', ''),
      ),
    },
  },
  {
    says: 'a deployment fails when a variable without a safe default is not set, VNET_ENABLED among them',
    violations: ({ files }) => {
      const [first = ''] = runsOf(deployJob(files))
      const checked = /for name in ([\w ]+);/.exec(first)?.[1]?.split(' ') ?? []
      return [
        ...difference('the check', checked, [...SIGN_IN, ...KNOWN_TO_AZD, 'VNET_ENABLED']),
        ...unless(first.includes('exit "$missing"') && first.includes('${!name}'), 'it does not fail'),
      ]
    },
    breaches: {
      'storage is opened in silence': inFile(RELEASE, (text) =>
        text.replace('AZURE_LOCATION VNET_ENABLED;', 'AZURE_LOCATION;'),
      ),
      'it warns only': inFile(RELEASE, (text) => text.replace('exit "$missing"', 'exit 0')),
    },
  },
  {
    says: 'a release waits for CI, deploys the zip that CI tested, retries a refused upload, and verifies what responds',
    violations: ({ files }) => {
      const jobs = jobsOf(files[RELEASE])
      const job = deployJob(files)
      const packing = jobsOf(files[CI])['package'] ?? {}
      const tested = (packing.steps ?? []).find(({ env }) => env?.['E2E_APP'] !== undefined)
      const uploaded = (packing.steps ?? []).find(({ uses }) => uses?.startsWith('actions/upload-artifact@'))
      const fetched = (job.steps ?? []).find(({ uses }) => uses?.startsWith('actions/download-artifact@'))
      const deployed = runsOf(job).find((run) => run.includes('azd deploy')) ?? ''
      const verified = (job.steps ?? []).find(({ run }) => run?.includes('scripts/verify-deployment.ts'))
      return [
        ...unless(
          Object.values(jobs).some(({ uses }) => uses === `./${CI}`),
          'CI is not called',
        ),
        ...unless((job.needs ?? []).includes('ci'), 'it does not wait for CI'),
        ...unless(job.if?.includes("needs.ci.result == 'success'") === true, 'CI may fail'),
        ...unless(
          Object.hasOwn((parse(files[CI] ?? '') as { on: object }).on, 'workflow_call'),
          'CI can’t be called',
        ),
        ...unless(tested?.run?.includes('unzip -q package/orders.zip') === true, 'the zip is not tested'),
        ...unless(packing.env?.['ORDERS_COMMIT'] === '${{ github.sha }}', 'the package names no commit'),
        ...unless(
          runsOf(packing).some((run) => run.includes('npm sbom')),
          'no SBOM',
        ),
        ...unless(
          uploaded?.with?.['name'] !== undefined && uploaded.with['name'] === fetched?.with?.['name'],
          'another package',
        ),
        ...unless(deployed.includes('--from-package package/orders.zip'), 'the zip is built anew'),
        ...unless(/for delay in( \d+){5,}/.test(deployed), 'one try'),
        ...unless(verified?.env?.['ORDERS_COMMIT'] === '${{ github.sha }}', 'any commit will do'),
        ...unless(
          /github\.run_id.*github\.run_attempt/.test(verified?.env?.['ORDERS_ID'] ?? ''),
          'the orders have no ids of their own',
        ),
        ...unless(
          (jobs['attest']?.steps ?? []).some(({ uses }) =>
            uses?.startsWith('actions/attest-build-provenance@'),
          ),
          'no provenance',
        ),
      ]
    },
    breaches: {
      'it does not wait': inFile(RELEASE, (text) => text.replace('needs: [ci, attest]', 'needs: [attest]')),
      'it deploys whatever CI says': inFile(RELEASE, (text) =>
        text.replace("needs.ci.result == 'success'", "needs.ci.result != 'skipped'"),
      ),
      'it builds another package': inFile(RELEASE, (text) =>
        text.replace(' --from-package package/orders.zip', ''),
      ),
      'it takes another artifact': inFile(RELEASE, (text) =>
        text.replaceAll('name: package', 'name: bundle'),
      ),
      'it gives up at the first 403': inFile(RELEASE, (text) =>
        text.replace('in 30 60 120 240 480 0;', 'in 0;'),
      ),
      'it asserts no commit': inFile(RELEASE, (text) =>
        text.replace('ORDERS_COMMIT: ${{ github.sha }}', 'X: y'),
      ),
      'every release sends the same order': inFile(RELEASE, (text) =>
        text.replace('deploy-${{ github.run_id }}-${{ github.run_attempt }}', 'deployment-check'),
      ),
      'CI tests the folder, not the zip': inFile(CI, (text) =>
        text.replace('unzip -q package/orders.zip', 'cp -r dist'),
      ),
      'CI can’t be called': inFile(CI, (text) => text.replace('  workflow_call:\n', '')),
      'nobody knows what is in it': inFile(CI, (text) => text.replace('npm sbom', 'npm ls')),
      'nobody knows where it is from': inFile(RELEASE, (text) =>
        text.replaceAll('actions/attest-build', 'actions/skip'),
      ),
    },
  },
  {
    says: 'GitHub signs in as the environment `production`, with no secret, in the workflow that azd looks for',
    violations: ({ files }) => {
      const job = deployJob(files)
      return [
        // https://github.com/Azure/azure-dev/blob/main/cli/azd/pkg/pipeline/pipeline.go
        ...unless(files[RELEASE] !== undefined, 'azd would offer a workflow of its own'),
        ...unless(job.environment === 'production', 'environment'),
        ...unless(job.permissions?.['id-token'] === 'write', 'GitHub’s token'),
        ...Object.entries(files).flatMap(([name, text]) =>
          name.startsWith('.github/workflows/')
            ? unless(!/\bsecrets\./.test(text), `${name} has a secret`)
            : [],
        ),
      ]
    },
    breaches: {
      'another environment': inFile(RELEASE, (text) =>
        text.replace('environment: production', 'environment: prod'),
      ),
      'another file': ({ files }) => {
        files['.github/workflows/deploy.yml'] = files[RELEASE] ?? ''
        files[RELEASE] = ''
      },
      'a client secret': inFile(RELEASE, (text) =>
        text.replace('${{ vars.AZURE_CLIENT_ID }}', '${{ secrets.AZURE_CREDENTIALS }}'),
      ),
    },
  },
  {
    says: 'every action is named by the commit of a release',
    violations: ({ files }) => {
      const used = Object.entries(files).flatMap(([name, text]) =>
        name.startsWith('.github/workflows/')
          ? [...text.matchAll(/^ *(?:- )?uses: (\S+)(?: # (\S+))?$/gm)].map(([, action = '', release]) => ({
              name,
              action,
              release,
            }))
          : [],
      )
      return [
        ...unless(used.length > 15, 'hardly any action'),
        ...used.flatMap(({ name, action, release }) =>
          unless(
            action.startsWith('./.github/') || (release !== undefined && ACTIONS[action] === release),
            `${name}: ${action} # ${String(release)}`,
          ),
        ),
        ...Object.keys(ACTIONS).flatMap((action) =>
          unless(
            used.some((one) => one.action === action),
            `${action} is not used`,
          ),
        ),
      ]
    },
    breaches: {
      'a tag': inFile(CI, (text) => text.replace(/actions\/checkout@\S+ # \S+/, 'actions/checkout@v7')),
      'another commit': inFile(CI, (text) => text.replace('3d3c42e5', '3d3c42e6')),
      'a release that it is not': inFile(RELEASE, (text) => text.replace('# v3.0.1', '# v3.1.0')),
    },
  },
  {
    says: 'the load test fails by the objectives of the queries, and asks what the API has',
    violations: ({ files }) => {
      const test = parse(files['infra/load-test/orders.yaml'] ?? '') as {
        readonly testType?: string
        readonly testPlan?: string
        readonly failureCriteria?: readonly string[]
      } | null
      const plan = files['infra/load-test/locustfile.py'] ?? ''
      const objective = Number(
        /let objective = ([\d.]+);/.exec(files['infra/queries/slo-availability.kql'] ?? '')?.[1],
      )
      const slow = Number(/DurationMs > (\d+)/.exec(files['infra/queries/slo-latency.kql'] ?? '')?.[1])
      const concurrency = /'HTTP_CONCURRENCY', ''\), '(\d+)'/.exec(files[PARAMETERS] ?? '')?.[1]
      return [
        ...unless(test?.testType === 'Locust' && test.testPlan === 'locustfile.py', 'plan'),
        ...unless(
          same(test?.failureCriteria ?? [], [
            `percentage(error) > ${Number(((1 - objective) * 100).toFixed(3))}`,
            `p99(response_time_ms) > ${slow}`,
          ]),
          'criteria',
        ),
        ...unless(plan.includes('"/api/order"') && plan.includes('"respond-async"'), 'requests'),
        ...unless(
          plan.includes(`STEPS = [(60, ${String(concurrency)}),`),
          'the first step is not one instance',
        ),
      ]
    },
    breaches: {
      'another objective': inFile('infra/queries/slo-availability.kql', (text) =>
        text.replace('0.999', '0.99'),
      ),
      'another latency': inFile('infra/load-test/orders.yaml', (text) => text.replace('> 1000', '> 2000')),
      'another concurrency': inFile(PARAMETERS, (text) =>
        text.replace("'HTTP_CONCURRENCY', ''), '16'", "'HTTP_CONCURRENCY', ''), '32'"),
      ),
      'another route': inFile('infra/load-test/locustfile.py', (text) =>
        text.replace('"/api/order"', '"/api/orders"'),
      ),
    },
  },
]

function pipelineVariables(files: Deployment['files']): readonly string[] {
  const project = parse(files['azure.yaml'] ?? '') as {
    readonly pipeline?: { readonly variables?: readonly string[] }
  }
  return project.pipeline?.variables ?? []
}

function jobsOf(workflow: string | undefined): Readonly<Record<string, Job>> {
  return (parse(workflow ?? '') as { readonly jobs?: Readonly<Record<string, Job>> } | null)?.jobs ?? {}
}

function deployJob(files: Deployment['files']): Job {
  return jobsOf(files[RELEASE])['deploy'] ?? {}
}

function runsOf({ steps = [] }: Job): readonly string[] {
  return steps.flatMap(({ run }) => (run === undefined ? [] : [run]))
}

function difference(where: string, has: readonly string[], should: readonly string[]): string[] {
  return [
    ...has.filter((name) => !should.includes(name)).map((name) => `${where} has ${name}, which nobody reads`),
    ...should.filter((name) => !has.includes(name)).map((name) => `${where} lacks ${name}`),
  ]
}
