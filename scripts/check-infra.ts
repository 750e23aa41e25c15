import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { cp, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { BicepNotFoundError, findBicep, type Bicep } from './bicep.ts'
import { ROOT } from './build.ts'

/** What is compiled, away from the sources: the CLI leaves its files beside them. */
const CACHE = path.join(ROOT, 'node_modules', '.cache', 'infra')
const COPY = path.join(CACHE, 'infra')

/**
 * Checks the infrastructure without Azure: every Bicep file is formatted and passes the official linter without a
 * warning, and what it compiles to keeps the promises of test/infra/promises.ts.
 */
async function checkInfra(): Promise<void> {
  const bicep = await findBicep()
  console.log(`Bicep CLI ${bicep.version} (${bicep.origin})`)
  await rm(CACHE, { recursive: true, force: true })
  await cp(path.join(ROOT, 'infra'), COPY, {
    recursive: true,
    filter: (source) => path.basename(source) !== 'dist',
  })
  const count = await checkSources(bicep)
  console.log(`${count} Bicep files formatted and linted: no warning`)
  await compile(bicep)
  const test = spawnSync(process.execPath, ['--test', 'test/infra/infra.test.ts'], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (test.status !== 0) throw new CheckFailedError('The infrastructure breaks a promise: see above.')
}

/** Checks form and style of every Bicep file, and answers how many there are. */
async function checkSources(bicep: Bicep): Promise<number> {
  const files = globSync('**/*.{bicep,bicepparam}', { cwd: COPY })
  for (const pattern of ['**/*.bicep', '**/*.bicepparam']) {
    const diagnostics = run(bicep, 'lint', '--pattern', pattern)
    if (diagnostics.trim() !== '') throw new CheckFailedError(diagnostics)
    run(bicep, 'format', '--pattern', pattern)
  }
  for (const file of files) {
    const [source, formatted] = await Promise.all(
      [path.join(ROOT, 'infra'), COPY].map((folder) => readFile(path.join(folder, file), 'utf8')),
    )
    if (source !== formatted) {
      throw new CheckFailedError(`infra/${file} is not formatted. Run: bicep format infra/${file}`)
    }
  }
  return files.length
}

const SUBSCRIPTION = '00000000-0000-0000-0000-000000000000'
const HUB = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-hub`
const HUB_NETWORK = `${HUB}/providers/Microsoft.Network/virtualNetworks/vnet-hub`

/** What a user sets with `azd env set` in the deployments that are compiled. */
const DEPLOYMENTS = {
  default: {},
  /** Every setting set but the store; the app joined the network when it was provisioned before. */
  tuned: {
    VNET_ENABLED: 'true',
    VNET_JOINED: 'true',
    VNET_ADDRESS_PREFIX: '10.7.0.0/24',
    STORAGE_REDUNDANCY: 'Standard_GZRS',
    ZONE_REDUNDANT: 'true',
    SITE_UPDATE_STRATEGY: 'RollingUpdate',
    FUNCTION_KEYS_IN_KEY_VAULT: 'true',
    ALWAYS_READY_HTTP_INSTANCES: '1',
    ALWAYS_READY_PROCESSOR_INSTANCES: '2',
    MAXIMUM_INSTANCES: '100',
    ORDER_QUEUES: '3',
    INSTANCE_MEMORY_MB: '4096',
    HTTP_CONCURRENCY: '50',
    LOG_RETENTION_DAYS: '90',
    AVAILABILITY_TEST: 'true',
    ALERT_EMAIL: 'operators@example.com',
  },
  /** A running app joins a network that is given. What is set and empty, as GitHub passes it, takes its default. */
  joining: {
    VNET_ENABLED: 'true',
    VNET_JOINED: '',
    VNET_APP_SUBNET_ID: `${HUB_NETWORK}/subnets/orders`,
    VNET_ENDPOINT_SUBNET_ID: `${HUB_NETWORK}/subnets/endpoints`,
    PRIVATE_DNS_GROUP_ID: HUB,
    STORAGE_REDUNDANCY: '',
    MAXIMUM_INSTANCES: '',
    AVAILABILITY_TEST: 'false',
  },
  /** Records in Cosmos DB. */
  cosmos: { STORE: 'cosmos' },
  /** The same in a network that the app joined, with everything else that the store has an effect on. */
  cosmosTuned: {
    STORE: 'cosmos',
    VNET_ENABLED: 'true',
    VNET_JOINED: 'true',
    STORAGE_REDUNDANCY: 'Standard_ZRS',
    ALWAYS_READY_PROCESSOR_INSTANCES: '2',
    ALERT_EMAIL: 'operators@example.com',
  },
  /** The same, of a running app that joins a network that is given. */
  cosmosJoining: {
    STORE: 'cosmos',
    VNET_ENABLED: 'true',
    VNET_APP_SUBNET_ID: `${HUB_NETWORK}/subnets/orders`,
    VNET_ENDPOINT_SUBNET_ID: `${HUB_NETWORK}/subnets/endpoints`,
    PRIVATE_DNS_GROUP_ID: HUB,
  },
}

/**
 * Leaves the ARM template, and for each deployment what it would create: the template with its expressions evaluated as
 * far as that is possible without Azure (`bicep snapshot`).
 */
async function compile(bicep: Bicep): Promise<void> {
  run(bicep, 'build', 'main.bicep', '--outfile', path.join(CACHE, 'template.json'))
  for (const [name, settings] of Object.entries<NodeJS.ProcessEnv>(DEPLOYMENTS)) {
    const scope = ['--subscription-id', SUBSCRIPTION, '--location', 'westeurope']
    runWith(settings, bicep, 'snapshot', 'main.bicepparam', '--mode', 'overwrite', ...scope)
    await rename(path.join(COPY, 'main.snapshot.json'), path.join(CACHE, `${name}.json`))
  }
}

function run(bicep: Bicep, ...args: readonly string[]): string {
  return runWith({}, bicep, ...args)
}

/** Runs the Bicep CLI with settings in its environment, and answers all that it prints, warnings included. */
function runWith(settings: NodeJS.ProcessEnv, bicep: Bicep, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(bicep.file, args, {
    cwd: COPY,
    encoding: 'utf8',
    env: { ...process.env, AZURE_ENV_NAME: 'check', AZURE_LOCATION: 'westeurope', ...settings },
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new CheckFailedError(`bicep ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout + stderr
}

/** The infrastructure is not as it should be. What the CLI says of its copy is said of the sources. */
class CheckFailedError extends Error {
  override readonly name = 'CheckFailedError'

  constructor(message: string) {
    super(message.replaceAll(COPY, 'infra'))
  }
}

try {
  await checkInfra()
} catch (error) {
  if (!(error instanceof CheckFailedError) && !(error instanceof BicepNotFoundError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
