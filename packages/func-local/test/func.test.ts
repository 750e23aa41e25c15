import { describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { answering, writeApp } from './harness/app.ts'
import { onCoreTools } from './harness/host.ts'
import { freePort } from './harness/port.ts'

const FUNC = fileURLToPath(new URL('../func/', import.meta.url))
const isWindows = process.platform === 'win32'
const env = {
  ...process.env,
  PATH: `${FUNC}${path.delimiter}${process.env['PATH'] ?? ''}`,
  NODE_OPTIONS: '',
  FUNCTIONS_WORKER_RUNTIME: 'node',
}

;(onCoreTools ? describe.skip : describe)('func, for whoever puts it on the PATH', () => {
  const func = (...args: readonly string[]): Promise<{ readonly stdout: string }> =>
    promisify(execFile)('func', args, { env, shell: isWindows })

  // The Static Web Apps CLI looks at the first number:
  // https://github.com/Azure/static-web-apps-cli/blob/main/src/core/func-core-tools.ts
  test.each(['--version', '-v', 'version'])('%s is the version of the runtime', async (argument) => {
    expect((await func(argument)).stdout).toMatch(/^4\.\d+\.\d+\n$/)
  })

  test.each([[[]], [['--help']], [['start', '--help']]])('%j is help', async (args) => {
    expect((await func(...args)).stdout).toMatch(/^Usage: func-local start/)
  })

  test('names Core Tools for everything else', async () => {
    await expect(func('azure', 'functionapp', 'publish')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^This 'func' is func-local's: .*'func azure functionapp' install Core Tools/,
      ),
    })
  })

  // As the Static Web Apps CLI starts it:
  // https://github.com/Azure/static-web-apps-cli/blob/main/src/cli/commands/start/start.ts
  test('starts an app', async () => {
    const app = await writeApp({ 'src/app.js': answering('hello', 'Hello!') })
    const port = await freePort()
    const command = `cd "${app.directory}" && "func" start --cors "*" --port ${port} `
    const child = spawn(command, {
      shell: true,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: !isWindows,
    })
    try {
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      while (!output.includes('Host lock lease acquired')) {
        if (child.exitCode !== null) throw new Error(output)
        await sleep(20)
      }
      const headers = { Origin: 'http://localhost:4280' }
      const response = await fetch(`http://127.0.0.1:${port}/api/hello`, { headers })
      expect(await response.text()).toBe('Hello!')
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
    } finally {
      const closed = once(child, 'close')
      if (isWindows) child.kill()
      else process.kill(-(child.pid ?? 0), 'SIGINT')
      await closed
      await app.remove()
    }
  })
})
