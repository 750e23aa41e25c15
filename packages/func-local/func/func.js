/*
 * `func`, as far as func-local has it: what scripts and the Static Web Apps CLI call. It is not in this package's `bin`, so
 * that it never takes the place of the command that azure-functions-core-tools installs; whoever wants it puts this folder on
 * the PATH.
 */
import { argv, exit, stderr, stdout } from 'node:process'

// What callers look at is the first number: the runtime's major version.
const CORE_TOOLS_VERSION = '4.0.0'
const [command = '', next = ''] = argv.slice(2)

if (['--version', '-v', 'version'].includes(command)) stdout.write(`${CORE_TOOLS_VERSION}\n`)
else if (['', '--help', '-h', 'help'].includes(command)) {
  argv.splice(2, Infinity, '--help')
  await import('../dist/main.js')
} else if (command === 'start' || (command === 'host' && next === 'start')) await import('../dist/main.js')
else {
  stderr.write(
    `This 'func' is func-local's: it has 'func start' and 'func --version'. For '${['func', ...argv.slice(2, 4)].join(' ')}' install Core Tools: npm i -g azure-functions-core-tools@4\n`,
  )
  exit(1)
}
