import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { onCoreTools } from './harness/host.ts'
import { freePort } from './harness/port.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
const isWindows = process.platform === 'win32'

// What somebody gets who installs the package, and follows its README.
;(onCoreTools ? describe.skip : describe)('the package', () => {
  let root: string
  let project: string
  let azurite: Azurite
  let installed: { readonly stdout: string; readonly stderr: string }

  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'func-local-package-'))
    project = path.join(root, 'project')
    const source = path.join(root, 'source')
    await mkdir(project)
    await symlink(MODULES, path.join(root, 'node_modules'), 'junction')
    // Packed from a copy: it is built before it is packed, and other tests run from this folder's build.
    await cp(PACKAGE, source, {
      recursive: true,
      filter: (file) => !['dist', 'test', 'node_modules'].includes(path.relative(PACKAGE, file)),
    })
    await npm(source, 'pack', '--pack-destination', root)
    await rm(path.join(root, 'node_modules'))
    const tarball = (await readdir(root)).find((file) => file.endsWith('.tgz')) ?? ''
    await writeFile(path.join(project, 'package.json'), '{ "name": "project", "version": "1.0.0" }')
    const flags = ['--offline', '--no-audit', '--no-fund']
    installed = await npm(project, 'install', '--save-dev', ...flags, path.join(root, tarball))
    await symlink(path.join(MODULES, '@azure'), path.join(project, 'node_modules', '@azure'), 'junction')
    azurite = await startAzurite()
  })
  afterAll(async () => {
    await azurite.stop()
    await rm(root, { recursive: true, force: true })
  })

  test('installs without a warning, and brings no other package', () => {
    expect(installed.stderr).toBe('')
    expect(installed.stdout).toMatch(/^added 1 package in /m)
  })

  test('holds what is used, and nothing else', async () => {
    const folder = path.join(project, 'node_modules', 'func-local')
    const found = await readdir(folder)
    expect(found.sort()).toEqual([
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'docs', 'func', 'package.json', 'src'],
    ])
    // The types of func-local/worker.
    expect((await readdir(path.join(folder, 'src'))).sort()).toEqual([
      ...['channel.ts', 'protocol.ts', 'worker-session.ts'],
    ])
    const built = await readdir(path.join(folder, 'dist'))
    expect(built).toEqual(
      expect.arrayContaining([
        'THIRD-PARTY-LICENSES.txt',
        'console.html',
        'index.cjs',
        'index.d.cts',
        'index.d.ts',
        'index.js',
        'library.js',
        'main.js',
        'settings.d.ts',
        'settings.js',
        'worker.js',
      ]),
    )
    expect(built.filter((file) => !/\.(?:c?js|d\.c?ts|txt|html)$/.test(file))).toEqual([])
  })

  test('its public entry is the reader of settings', async () => {
    await writeFile(
      path.join(project, 'read.mjs'),
      "import { readSettings } from 'func-local/settings'\nconsole.log(readSettings('.', { A: 'b' }).get('a'))",
    )
    const { stdout } = await promisify(execFile)(process.execPath, ['read.mjs'], { cwd: project })
    expect(stdout).toBe('b\n')
  })

  test('its library is there for ES modules and for CommonJS, with types for both', async () => {
    const folder = path.join(project, 'tests')
    await mkdir(folder)
    const use = `const host = await startHost({ scriptRoot: '.' }).catch((error: unknown) => error)
console.log(host instanceof HostStartError)`
    await writeFile(
      path.join(folder, 'use.mts'),
      `import { HostStartError, startHost } from 'func-local'\n${use}\n`,
    )
    await writeFile(
      path.join(folder, 'use.cts'),
      `import library = require('func-local')\nasync function main(): Promise<void> {\n  const { startHost } = library\n  const host: library.FunctionsHost = await startHost()\n  const { body } = (await host.invoke('a')).result as library.HttpResult\n  console.log(body, host.logs[0]?.message)\n}\nvoid main()\n`,
    )
    // Without Node's own types, and for a standard that is older than `AsyncDisposable`.
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']
    const tsc = path.join(MODULES, 'typescript/bin/tsc')
    const files = ['use.mts', 'use.cts']
    const check = promisify(execFile)(process.execPath, [tsc, ...flags, ...files], { cwd: folder })
    await check.catch((error: unknown) => {
      throw new Error((error as { readonly stdout: string }).stdout)
    })
    await writeFile(
      path.join(folder, 'use.mjs'),
      use.replace(': unknown', '').replace(/^/, "import { HostStartError, startHost } from 'func-local'\n"),
    )
    await writeFile(path.join(folder, 'use.cjs'), "console.log(typeof require('func-local').startHost)")
    const run = async (file: string): Promise<string> =>
      (await promisify(execFile)(process.execPath, [file], { cwd: folder })).stdout
    expect([await run('use.mjs'), await run('use.cjs')]).toEqual(['true\n', 'function\n'])
  })

  test('every page that the README links to is there', async () => {
    const folder = path.join(project, 'node_modules', 'func-local')
    const readme = await readFile(path.join(folder, 'README.md'), 'utf8')
    const pages = [...readme.matchAll(/\]\((docs\/[^)#]+)/g)].map(([, page = '']) => page)
    expect([...new Set(pages)].sort()).toEqual(
      (await readdir(path.join(folder, 'docs'))).map((page) => `docs/${page}`).sort(),
    )
  })

  ;(isWindows ? test.skip : test)('its func can be put on the PATH', async () => {
    const folder = path.join(project, 'node_modules', 'func-local', 'func')
    const { stdout } = await promisify(execFile)(path.join(folder, 'func'), ['--version'])
    expect(stdout).toMatch(/^4\./)
    // Not where npm links commands: that place is Core Tools'.
    expect(await readdir(path.join(project, 'node_modules', '.bin'))).toEqual(['func-local'])
  })

  test("runs the README's app: a request, its message, and the function that takes it", async () => {
    const readme = await readFile(path.join(PACKAGE, 'README.md'), 'utf8')
    const blocks = [...readme.matchAll(/^```(js|json)\n([\s\S]*?)^```$/gm)]
    const [code, host, settings] = blocks.map(([, , text = '']) => text)
    await mkdir(path.join(project, 'src'))
    await writeFile(path.join(project, 'src', 'index.js'), code ?? '')
    await writeFile(path.join(project, 'host.json'), host ?? '')
    await writeFile(path.join(project, 'local.settings.json'), settings ?? '')
    await npm(project, 'pkg', 'set', 'main=src/index.js')

    const { bin } = JSON.parse(
      await readFile(path.join(project, 'node_modules', 'func-local', 'package.json'), 'utf8'),
    ) as { bin: Record<string, string> }
    const script = path.join(project, 'node_modules', 'func-local', bin['func-local'] ?? '')
    const port = await freePort()
    const child = spawn(process.execPath, [script, 'start', '--port', String(port)], {
      cwd: project,
      env: { ...process.env, NODE_OPTIONS: '', AzureWebJobsStorage: azurite.connectionString },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const exited = once(child, 'close')
    const printed = async (text: string): Promise<void> => {
      while (!output.includes(text)) {
        if (child.exitCode !== null) throw new Error(`It ended:\n${output}`)
        await sleep(20)
      }
    }
    await printed('Host lock lease acquired')
    expect(output).toContain(`hello: [GET] http://localhost:${port}/api/hello`)
    const response = await fetch(`http://127.0.0.1:${port}/api/hello?name=Ada`)
    expect(await response.text()).toBe('Hello, Ada!')
    await printed('Greeted Ada.')
    child.kill('SIGINT')
    await exited
    if (!isWindows) expect(child.exitCode).toBe(0)
  })
})

/** Runs npm; on Windows it is a batch file, which only a shell runs. */
async function npm(cwd: string, ...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const environment = Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name))
  return await promisify(execFile)('npm', [...args], {
    cwd,
    env: { ...Object.fromEntries(environment), npm_config_update_notifier: 'false' },
    shell: isWindows,
  })
}
