import { spawnSync } from 'node:child_process'
import { cp, mkdir, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { STORE_SETTING } from '../src/storage/names.ts'
import { ROOT } from './build.ts'

/** What is deployed, and nothing else: what `.funcignore` leaves. */
export const PACKAGE_FILES = ['dist', 'host.json', 'package.json']

/** Where `azd` takes the package from: the folder of its service, and in it the service's `dist`. */
export const PACKAGE_FOLDER = path.join(ROOT, 'infra', 'package', 'dist')

/** Fills a folder with what is deployed, from the last build. What was in it goes. */
export async function stagePackage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  for (const name of PACKAGE_FILES) {
    await cp(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  }
}

/** The commit of this checkout, which the build puts into the package, unless something in it is not committed. */
function checkedOutCommit(): string | undefined {
  const git = (...args: readonly string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' })
  const changes = git('status', '--porcelain', '--untracked-files=no')
  if (changes.status !== 0 || changes.stdout.trim() !== '') return undefined
  return git('rev-parse', 'HEAD').stdout.trim()
}

/**
 * The store that the package is built for: `STORE` of the environment, which GitHub's workflow sets, else of the azd environment,
 * since not every version of azd hands it to a build script. Undefined when neither has it.
 *
 * @param ofAzd asks azd
 */
export function storeToBuildFor(
  environment: NodeJS.ProcessEnv,
  ofAzd: () => string | undefined = azdStore,
): string | undefined {
  return [environment[STORE_SETTING], environment['STORE']].find(isSet) ?? ofAzd()
}

const isSet = (value: string | undefined) => value !== undefined && value !== ''

/** The value in the selected azd environment. On GitHub and without azd there is none. */
function azdStore(): string | undefined {
  const { status, stdout } = spawnSync('azd', ['env', 'get-value', 'STORE'], { cwd: ROOT, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** Runs npm in the project's folder, and says whether it succeeded. On Windows npm is a script: only a shell runs it. */
function npm(...args: readonly string[]): boolean {
  return (
    spawnSync('npm', args, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
  )
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const commit = process.env['ORDERS_COMMIT'] ?? checkedOutCommit()
  if (commit !== undefined) process.env['ORDERS_COMMIT'] = commit
  const store = storeToBuildFor(process.env)
  if (store !== undefined) process.env[STORE_SETTING] = store
  const installed = await stat(path.join(ROOT, 'node_modules')).catch(() => undefined)
  if ((installed !== undefined || npm('ci')) && npm('run', 'build')) await stagePackage(PACKAGE_FOLDER)
  else process.exitCode = 1
}
