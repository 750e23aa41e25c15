import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { ROOT } from './build.ts'

/** The version that is restored from NuGet: the one the templates were written with. */
const NUGET_VERSION = '0.49.2'

/** Older ones lack `snapshot`, or their linter's rules. */
const OLDEST_VERSION = '0.47.0'

/** The official Bicep CLI on this machine. */
export interface Bicep {
  readonly file: string
  /** Where it is from, for people. */
  readonly origin: string
  readonly version: string
}

/** No Bicep CLI is here and none could be fetched. */
export class BicepNotFoundError extends Error {
  override readonly name = 'BicepNotFoundError'
}

/**
 * Finds the Bicep CLI: on the PATH, else the one of the Azure CLI, else restored from NuGet with `dotnet`.
 * https://learn.microsoft.com/azure/azure-resource-manager/bicep/install
 *
 * @throws BicepNotFoundError that names what was tried
 */
export async function findBicep(): Promise<Bicep> {
  const tried: string[] = []
  for (const [origin, locate] of [
    ['PATH', () => 'bicep'],
    ['Azure CLI', azureCliBicep],
    ['NuGet', nugetBicep],
  ] as const) {
    try {
      const file = await locate()
      const version = versionOf(file)
      if (version.localeCompare(OLDEST_VERSION, 'en', { numeric: true }) >= 0)
        return { file, origin, version }
      tried.push(`${origin}: version ${version} is older than ${OLDEST_VERSION}`)
    } catch (error) {
      tried.push(
        `${origin}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`,
      )
    }
  }
  throw new BicepNotFoundError(
    `There is no Bicep CLI, so the infrastructure can't be checked. Install one of: the Bicep CLI, the Azure CLI ` +
      `(az bicep install), the .NET SDK (it is then restored from NuGet).\n  ${tried.join('\n  ')}`,
  )
}

function versionOf(file: string): string {
  const { error, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' })
  if (error !== undefined) throw new Error('bicep is not installed', { cause: error })
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0]
  if (version === undefined) throw new Error(`${file} --version says ${stdout.trim()}`)
  return version
}

/** `az bicep install` puts it there. */
function azureCliBicep(): string {
  const folder = process.env['AZURE_CONFIG_DIR'] ?? path.join(homedir(), '.azure')
  const file = path.join(folder, 'bin', executable('bicep'))
  if (!existsSync(file)) throw new Error('az bicep is not installed')
  return file
}

/** The NuGet package of the official CLI, one for each platform. */
async function nugetBicep(): Promise<string> {
  const platform =
    new Map<string, string>([
      ['win32', 'win'],
      ['darwin', 'osx'],
    ]).get(process.platform) ?? process.platform
  const id = `Azure.Bicep.CommandLine.${platform}-${process.arch}`
  const cache = path.join(ROOT, 'node_modules', '.cache', 'bicep')
  const file = path.join(cache, id.toLowerCase(), NUGET_VERSION, 'tools', executable('bicep'))
  if (!existsSync(file)) {
    await mkdir(cache, { recursive: true })
    const project = path.join(cache, 'restore.csproj')
    // A project that downloads the package, and needs nothing else of NuGet.
    await writeFile(
      project,
      `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.0</TargetFramework>
    <DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences>
  </PropertyGroup>
  <ItemGroup><PackageDownload Include="${id}" Version="[${NUGET_VERSION}]" /></ItemGroup>
</Project>
`,
    )
    const args = ['restore', project, '--packages', cache, '--verbosity', 'quiet', '--nologo']
    const { error, status, stdout } = spawnSync('dotnet', args, { encoding: 'utf8' })
    if (error !== undefined) throw new Error('dotnet is not installed', { cause: error })
    if (status !== 0) throw new Error(`dotnet can't restore ${id} ${NUGET_VERSION}: ${stdout.trim()}`)
    await chmod(file, 0o755)
  }
  return file
}

function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name
}
