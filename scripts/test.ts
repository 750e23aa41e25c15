import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { build, ROOT } from './build.ts'

// Builds what the end-to-end tests run, then runs Jest with the flags it is given. All tests together are held to the
// coverage of src/ that jest.config.js asks for; a selection of them is not.

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

const selection = process.argv.slice(2)

if (!(await build())) {
  process.exitCode = 1
} else if ((await run(process.execPath, [path.join(ROOT, 'packages/func-local/build.js')])) !== 0) {
  process.exitCode = 1
} else {
  process.exitCode = await run(process.execPath, [
    '--experimental-vm-modules',
    // Jest's own support of ES modules stands on it: https://jestjs.io/docs/ecmascript-modules
    '--disable-warning=ExperimentalWarning',
    createRequire(import.meta.url).resolve('jest/bin/jest'),
    ...(selection.some((flag) => !['--ci', '--json'].includes(flag) && !flag.startsWith('--outputFile'))
      ? selection
      : ['--coverage', ...selection]),
  ])
}
