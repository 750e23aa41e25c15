import { spawn } from 'node:child_process'

// Runs Core Tools (func) for "npm start", in a process that notices when "npm start" has gone: func itself would go on.

// https://learn.microsoft.com/azure/azure-functions/functions-host-json: the host lets running functions finish
const GRACE_MS = 10_000

const func = spawn('func', process.argv.slice(2), { stdio: 'inherit', shell: process.platform === 'win32' })

// func stops in order on SIGINT alone; it ignores SIGTERM.
const interrupt = () => func.kill('SIGINT')

function stop(): void {
  interrupt()
  setTimeout(() => func.kill('SIGKILL'), GRACE_MS)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
process.channel?.unref()
process.on('disconnect', stop)
// "npm start" may have gone while this process was still starting.
if (!process.connected) stop()

func.on('error', (error) => {
  console.error(`Core Tools (func) did not start: ${error.message}`)
  process.exit(1)
})
func.on('exit', (code) => process.exit(code ?? 1))
