import { realpathSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Settings } from '../config/settings.ts'
import type { RunningHost } from '../host/host.ts'
import { answerTo, toWire, type InvokeAnswer, type InvokeRequest } from '../http/invoke-endpoint.ts'
import type { InvokeCommand } from './arguments.ts'
import { createDataReader } from './data.ts'
import { describeResult } from './print-result.ts'
import { askRunningHost } from './running-host.ts'

/** What `invoke` needs of the process around it. */
export interface InvokeParts {
  readonly appDirectory: string
  /** Where a host of this app may run. */
  readonly port: number
  readonly settings: Settings
  readonly stdin: Readable
  /** Starts a host of its own, which listens to nothing. */
  readonly start: () => Promise<Pick<RunningHost, 'byHand' | 'stop'>>
  readonly write: (text: string) => void
  readonly writeError: (text: string) => void
}

/** `func-local invoke`: calls a function by hand and prints what became of it. Returns the exit code. */
export async function runInvoke(command: InvokeCommand, parts: InvokeParts): Promise<number> {
  const answer = await ask(await requestFor(command, parts), command, parts)
  switch (answer.kind) {
    case 'refused':
      parts.writeError(`Function '${command.functionName}' cannot be called: ${answer.reason}\n`)
      return 1
    case 'sample':
      parts.write(`${answer.sample}\n`)
      return 0
    case 'result':
      parts.write(command.json ? `${JSON.stringify(answer.result)}\n` : describeResult(answer.result))
      return answer.result.ok ? 0 : 1
  }
}

async function requestFor(command: InvokeCommand, parts: InvokeParts): Promise<InvokeRequest> {
  const read = createDataReader(parts.stdin)
  const data = command.data === undefined ? undefined : await read(command.data)
  const inputs: [string, ReturnType<typeof toWire>][] = []
  for (const [name, source] of command.inputs) inputs.push([name, toWire((await read(source)).value)])
  return {
    appDirectory: realpathSync(parts.appDirectory),
    functionName: command.functionName,
    ...(data === undefined ? {} : { data: toWire(data.value) }),
    ...(data?.fileName === undefined ? {} : { fileName: data.fileName }),
    ...(command.blob === undefined ? {} : { blob: command.blob }),
    inputs: Object.fromEntries(inputs),
    sampleOnly: command.sample,
  }
}

/** The host that runs already, if it runs this app; else one of its own. */
async function ask(asked: InvokeRequest, command: InvokeCommand, parts: InvokeParts): Promise<InvokeAnswer> {
  const setting = parts.settings.get('FUNC_LOCAL_KEY')
  const key = command.key ?? (setting === '' ? undefined : setting)
  const running = await askRunningHost(parts.port, asked, key)
  if (running !== undefined) return running
  const host = await parts.start()
  try {
    return await answerTo(asked, host.byHand)
  } finally {
    await host.stop()
  }
}
