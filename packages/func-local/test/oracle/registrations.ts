import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { appFolder } from './recording.ts'

/** An HTTP function as a recorded app registers it. */
export interface RegisteredFunction {
  readonly name: string
  readonly route: string
  readonly methods: readonly string[]
}

interface HttpOptions {
  readonly route?: string
  readonly methods?: readonly string[]
}

/** The HTTP functions of a recorded app, in the order of their names, without a host or a worker. */
export function httpFunctionsOf(
  app: string,
  environment: Readonly<Record<string, string>> = {},
): RegisteredFunction[] {
  const functions: RegisteredFunction[] = []
  const http = (name: string, { route = name, methods = ['GET', 'POST'] }: HttpOptions): void => {
    functions.push({ name, route, methods })
  }
  runInNewContext(readFileSync(`${appFolder(app)}/index.js`, 'utf8'), {
    require: () => ({ app: { http } }),
    process: { env: environment },
  })
  return functions.sort((a, b) => (a.name < b.name ? -1 : 1))
}
