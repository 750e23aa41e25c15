import { readHostConfig, type HostConfig } from './host-config.ts'
import { readHostOptions, type HostJsonOptions } from './host-options.ts'
import { ConfigurationError } from './json-file.ts'
import { readSettings, type LocalHostSettings, type Settings } from './settings.ts'
import { timeZoneOf } from './time-zone.ts'

/** Settings and `host.json`, as they are on disk at one moment. */
export interface Configuration {
  readonly settings: Settings
  /** The `Host` section of `local.settings.json`. */
  readonly local: LocalHostSettings
  readonly hostConfig: HostConfig
  readonly hostOptions: HostJsonOptions
  /** The app's time zone, as `TZ` names it; `undefined` means the machine's own. */
  readonly timeZone: string | undefined
  /** One line for each setting that has no effect. */
  readonly problems: readonly string[]
}

/**
 * Reads an app's configuration whole.
 *
 * @throws {ConfigurationError} when the host cannot start with it.
 */
export function readConfiguration(appDirectory: string, environment: NodeJS.ProcessEnv): Configuration {
  const { settings, host, problems } = readSettings(appDirectory, environment)
  checkRuntime(settings)
  const hostConfig = readHostConfig(appDirectory, settings)
  const zone = timeZoneOf(settings)
  return {
    settings,
    local: host,
    hostConfig,
    hostOptions: readHostOptions(hostConfig),
    timeZone: zone.name,
    problems: [...problems, ...(zone.problem === undefined ? [] : [zone.problem])],
  }
}

/** Apps of other languages name theirs here. */
function checkRuntime(settings: Settings): void {
  const runtime = settings.get('FUNCTIONS_WORKER_RUNTIME') ?? ''
  if (runtime !== '' && runtime.toLowerCase() !== 'node') {
    throw new ConfigurationError(
      `FUNCTIONS_WORKER_RUNTIME is '${runtime}', and func-local runs Node.js apps only. Set it to 'node', or use Core Tools for this app.`,
    )
  }
}
