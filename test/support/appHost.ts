import { setTimeout as delay } from 'node:timers/promises'
import { startHost as startInProcess, type FunctionsHost } from 'func-local'
import { startHost as startProcess, type TestHost } from 'testkit/hostProcess'

/** A Functions host that serves an app, as tests see it. */
export type AppHost = Pick<TestHost, 'url' | 'output' | 'waitForOutput'> & {
  /** Ends what runs and waits for it. */
  stop(): Promise<unknown>
}

/** What an app is served with. */
export interface ServedApp {
  /** The app's folder. */
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
  /** Asks for the key in `FUNC_LOCAL_KEY`; Core Tools takes no key from outside and asks for none. */
  readonly enableAuth?: boolean
}

/**
 * Serves an app for a test: func-local in this process, so that no second process has to start before the app's own; with
 * `E2E_HOST=func` Core Tools. Tests of signals, output and the command itself start a process (`testkit/hostProcess`).
 */
export async function serveApp(app: ServedApp): Promise<AppHost> {
  if (process.env['E2E_HOST'] === 'func') return startProcess(app)
  const host = await startInProcess({
    scriptRoot: app.folder,
    // Jest's Node options are not for the app.
    settings: { FUNCTIONS_WORKER_RUNTIME: 'node', NODE_OPTIONS: '', ...app.environment },
    enableAuth: app.enableAuth ?? false,
  })
  const output = () => outputOf(host)
  return {
    url: host.url,
    output,
    async waitForOutput(pattern, timeoutMs = 20_000) {
      const end = performance.now() + timeoutMs
      while (!pattern.test(output())) {
        if (performance.now() > end) throw new Error(`no output matched ${String(pattern)}:\n${output()}`)
        await delay(20)
      }
      return output()
    },
    stop: () => host.stop(),
  }
}

/** What the command would have printed, without the time stamps. */
function outputOf({ logs }: FunctionsHost): string {
  return logs.map(({ message }) => `${message}\n`).join('')
}
