import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import { connectionString } from 'testkit/azurite'
import { freePort } from 'testkit/freePort'

// `npm start` in a copy of this checkout, with Azurite and the host on ports of their own. What a signal leaves behind is
// read from /proc, and a terminal's Ctrl-C goes to a process group: both are Linux's.

const ROOT = path.join(import.meta.dirname, '../..')

jest.setTimeout(120_000)

let clone: string

beforeAll(async () => {
  clone = await mkdtemp(path.join(tmpdir(), 'start-'))
  const names = ['src', 'scripts', 'host.json', 'package.json', 'local.settings.json.example']
  const parts = [
    'packages/api-page',
    ...['bin', 'dist', 'package.json'].map((name) => `packages/func-local/${name}`),
  ]
  for (const name of [...names, ...parts]) {
    await cp(path.join(ROOT, name), path.join(clone, name), { recursive: true })
  }
  await symlink(path.join(ROOT, 'node_modules'), path.join(clone, 'node_modules'), 'junction')
})

afterAll(async () => {
  await rm(clone, { recursive: true, force: true })
})

/** One `npm start`. */
interface Start {
  readonly child: ChildProcess
  readonly port: number
  readonly ports: readonly number[]
  readonly connectionString: string
  output(): string
  readonly ended: Promise<unknown>
  /** The processes it has started, and those that they have started, whoever their parent is now. */
  processes(): Promise<readonly number[]>
}

let started: Start | undefined

async function start(
  flags: readonly string[] = [],
  [command, ...before]: readonly [string, ...string[]] = [process.execPath, 'scripts/start.ts'],
  environment: Readonly<Record<string, string>> = {},
): Promise<Start> {
  const [port, blob, queue, table] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const mark = `STARTED_BY=${randomUUID()}`
  const [name = '', value] = mark.split('=')
  const child = spawn(command, [...before, '--host=func-local', '--port', String(port), ...flags], {
    cwd: clone,
    // As the shell does: signals of its terminal reach the whole group.
    detached: true,
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      AzureWebJobsStorage: connectionString({ blob, queue, table }),
      [name]: value,
      ...environment,
    },
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  }
  const self = child.pid
  started = {
    child,
    port,
    ports: [port, blob, queue, table],
    connectionString: connectionString({ blob, queue, table }),
    output: () => printed,
    ended: once(child, 'exit'),
    processes: async () => {
      const all = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
      const marked = await Promise.all(
        all.map(async (pid) => {
          const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
          return environment.split('\0').includes(mark) && pid !== self ? [pid] : []
        }),
      )
      return marked.flat()
    },
  }
  return started
}

async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  instead: () => string | Promise<string> = () => '',
): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`never happened: ${what}\n${await instead()}\n${started?.output() ?? ''}`)
    }
    await delay(20)
  }
}

const running = (npmStart: Start) => npmStart.output().includes('In another terminal')

/** What Ctrl-C does. */
function interrupt({ child }: Start): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  process.kill(-child.pid, 'SIGINT')
}

async function nothingIsLeft(npmStart: Start): Promise<void> {
  await until(
    'all processes end',
    async () => (await npmStart.processes()).length === 0,
    async () => (await Promise.all((await npmStart.processes()).map(commandOf))).join('\n'),
  )
  for (const port of npmStart.ports) await until(`port ${port} is free`, () => isFree(port))
}

async function commandOf(pid: number): Promise<string> {
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'has ended')
  return `${pid}: ${command.replaceAll('\0', ' ')}`
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}

afterEach(async () => {
  if (started === undefined) return
  for (const pid of [started.child.pid ?? 0, ...(await started.processes())]) {
    try {
      if (pid > 0) process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended, as it should.
    }
  }
  started = undefined
})

const onLinux = process.platform === 'linux' ? describe : describe.skip

onLinux('npm start', () => {
  beforeEach(async () => {
    await rm(path.join(clone, '.azurite'), { recursive: true, force: true })
  })

  it('ends its list with commands that work when pasted, and with the page of the API', async () => {
    const npmStart = await start()
    await until('it runs', () => running(npmStart))
    const [hello, order, push] = npmStart.output().match(/^ {2}\S.*$/gm) ?? []
    const shell = async (command = '') => {
      const { stdout } = await promisify(execFile)('sh', ['-c', command.replace('curl', 'curl -s')], {
        cwd: clone,
        env: { ...process.env, NODE_OPTIONS: '', AzureWebJobsStorage: npmStart.connectionString },
      })
      return stdout
    }
    // The first order at once: storage is there.
    expect(JSON.parse(await shell(order))).toMatchObject({ item: 'widget', status: 'processed' })
    expect(await shell(hello)).toBe('"Hello from Azure Functions!"')
    expect(push).toMatch(/npm run push-order -- '/)
    const id = (await shell(push?.replace('npm run push-order --', 'node scripts/push-order.ts'))).trim()
    const record = `http://localhost:${npmStart.port}/api/order/${id}`
    await until('the pushed order is processed', async () => (await fetch(record)).ok)
    const page = /API documentation: (\S+)/.exec(npmStart.output())?.[1] ?? ''
    expect((await fetch(page)).headers.get('content-type')).toMatch('text/html')

    interrupt(npmStart)
    await npmStart.ended
    expect(npmStart.child.exitCode).toBe(0)
    await nothingIsLeft(npmStart)
  })

  it('with --enableAuth shows the key in the command', async () => {
    const npmStart = await start(['--enableAuth'])
    await until('it runs', () => running(npmStart))
    const key = /-H "x-functions-key: ([^"]+)"/.exec(npmStart.output())?.[1] ?? ''
    const place = (headers: Record<string, string>) =>
      fetch(`http://localhost:${npmStart.port}/api/order`, {
        method: 'POST',
        headers,
        body: '{"item":"widget"}',
      })
    expect((await place({})).status).toBe(401)
    expect((await place({ 'x-functions-key': key })).status).toBe(200)
  })

  it('gives the app what .env has, until it is removed', async () => {
    const dotEnv = path.join(clone, '.env')
    await writeFile(dotEnv, 'AzureWebJobs_hello_Disabled=true\n')
    try {
      const npmStart = await start()
      await until('it runs', () => running(npmStart))
      const status = async () => (await fetch(`http://localhost:${npmStart.port}/api/hello`)).status
      expect(await status()).toBe(404)
      await rm(dotEnv)
      await until('it is used no more', async () => (await status()) === 200)
    } finally {
      await rm(dotEnv, { force: true })
    }
  })

  const moments = Array.from({ length: 10 }, (_, index) => index * 130)
  it.each(moments)('interrupted after %i ms, leaves no process and no port', async (milliseconds) => {
    const npmStart = await start()
    await delay(milliseconds)
    const complete = running(npmStart)
    const closed = once(npmStart.child, 'close')
    interrupt(npmStart)
    await npmStart.ended
    // What it printed last can arrive after its end.
    await Promise.race([closed, delay(2000)])
    if (!complete && !running(npmStart)) expect(npmStart.child.signalCode).toBe('SIGINT')
    await nothingIsLeft(npmStart)
  })

  it.each([
    ['esbuild', /^Host:/],
    ['Azurite', /Azurite: started/],
    ['the host', /Functions:/],
  ])('interrupted as soon as %s may be there, leaves nothing', async (_, line) => {
    const npmStart = await start()
    await until('the line', () => line.test(npmStart.output()))
    interrupt(npmStart)
    await npmStart.ended
    await nothingIsLeft(npmStart)
  })

  it.each(['SIGTERM', 'SIGHUP'] as const)('stops on %s, too', async (signal) => {
    const npmStart = await start()
    await until('it runs', () => running(npmStart))
    npmStart.child.kill(signal)
    await npmStart.ended
    expect(npmStart.child.exitCode).toBe(0)
    await nothingIsLeft(npmStart)
  })

  it('takes a signal that npm forwards for the one that the terminal has sent', async () => {
    const npmStart = await start()
    await until('it runs', () => running(npmStart))
    interrupt(npmStart)
    interrupt(npmStart)
    await npmStart.ended
    expect(npmStart.child.exitCode).toBe(0)
    await nothingIsLeft(npmStart)
  })

  it('ends at once on a second Ctrl-C, also when the host does not stop', async () => {
    const npmStart = await start()
    await until('it runs', () => running(npmStart))
    const hosts = (await npmStart.processes()).map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return command.includes('func-local') ? [pid] : []
    })
    // Stopped processes don't react to SIGINT.
    for (const pid of (await Promise.all(hosts)).flat()) process.kill(pid, 'SIGSTOP')
    interrupt(npmStart)
    await delay(500)
    expect(npmStart.child.exitCode ?? npmStart.child.signalCode).toBeNull()
    interrupt(npmStart)
    await npmStart.ended
    expect(npmStart.child.signalCode).toBe('SIGINT')
    await nothingIsLeft(npmStart)
  })

  it.each([150, 400, 650, 900, 'running'] as const)('killed (%s), leaves nothing', async (moment) => {
    const npmStart = await start()
    if (moment === 'running') await until('it runs', () => running(npmStart))
    else await delay(moment)
    npmStart.child.kill('SIGKILL')
    await npmStart.ended
    await nothingIsLeft(npmStart)
  })

  it('leaves nothing when npm is killed', async () => {
    const npmStart = await start([], ['npm', 'start', '--'])
    await until('it runs', () => running(npmStart))
    npmStart.child.kill('SIGKILL')
    await npmStart.ended
    await nothingIsLeft(npmStart)
  })

  describe('on Core Tools', () => {
    let bin: string

    // Stands in for the program: it holds the port, lists nothing, and stops on SIGINT alone.
    beforeEach(async () => {
      bin = await mkdtemp(path.join(tmpdir(), 'func-'))
      await writeFile(
        path.join(bin, 'func'),
        `#!${process.execPath}
         const { argv } = process
         if (argv[2] === '--version') console.log('4.99.0')
         else {
           const port = Number(argv[argv.indexOf('--port') + 1])
           require('node:http').createServer((_, response) => response.end('[]')).listen(port, '127.0.0.1')
           process.on('SIGTERM', () => undefined)
           process.on('SIGINT', () => process.exit(0))
         }`,
        { mode: 0o755 },
      )
    })

    afterEach(async () => {
      await rm(bin, { recursive: true })
    })

    it.each(['SIGINT', 'SIGKILL'] as const)('leaves nothing after %s', async (signal) => {
      const npmStart = await start(['--host=func'], undefined, {
        PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      })
      await until('it runs', () => running(npmStart))
      expect(npmStart.output()).toMatch(/^Host: func, Azure Functions Core Tools 4\.99\.0$/m)
      npmStart.child.kill(signal)
      await npmStart.ended
      if (signal === 'SIGINT') expect(npmStart.child.exitCode).toBe(0)
      await nothingIsLeft(npmStart)
    })
  })

  it('goes on when nobody reads what it prints any more', async () => {
    const npmStart = await start()
    await until('the first line', () => npmStart.output().includes('\n'))
    npmStart.child.stdout?.destroy()
    const hello = async () => (await fetch(`http://127.0.0.1:${npmStart.port}/api/hello`)).status
    await until('it responds', async () => (await hello().catch(() => 0)) === 200)
    // It prints this, too.
    await writeFile(path.join(clone, 'src/log.ts'), '\n', { flag: 'a' })
    await delay(500)
    expect(await hello()).toBe(200)
    expect(npmStart.output()).not.toMatch(/EPIPE/)
    interrupt(npmStart)
    await npmStart.ended
    expect(npmStart.output()).not.toMatch(/EPIPE/)
  })

  it.each(['__azurite_db_queue__.json', '__azurite_db_table__.json', '__azurite_db_blob__.json'])(
    'names a damaged data file of Azurite: %s',
    async (name) => {
      await mkdir(path.join(clone, '.azurite'))
      await writeFile(path.join(clone, '.azurite', name), '{"filename":"/x')
      const npmStart = await start()
      await npmStart.ended
      expect(npmStart.child.exitCode).toBe(1)
      expect(npmStart.output()).toContain(path.join(clone, '.azurite', name))
      expect(npmStart.output()).toMatch(/is damaged .* move it away/)
      expect(npmStart.output()).not.toMatch(/^ {4}at /m)
      await nothingIsLeft(npmStart)
    },
  )

  it('says so when the data folder of Azurite is not a folder', async () => {
    await writeFile(path.join(clone, '.azurite'), '')
    const npmStart = await start()
    await npmStart.ended
    expect(npmStart.child.exitCode).toBe(1)
    expect(npmStart.output()).toMatch(/Azurite did not start: .*\.azurite/)
    await nothingIsLeft(npmStart)
  })

  it('refuses a number of queues that is not allowed, and says which are', async () => {
    const npmStart = await start([], undefined, { ORDER_QUEUES: '33' })
    await npmStart.ended
    expect(npmStart.child.exitCode).toBe(1)
    expect(npmStart.output()).toMatch(/^ORDER_QUEUES is "33". Set it to a whole number from 1 to 32,/m)
    expect(npmStart.output()).not.toMatch(/^ {4}at /m)
    await nothingIsLeft(npmStart)
  })

  it('says what to do when func-local is not built', async () => {
    const settings = path.join(clone, 'node_modules')
    await rm(settings)
    await mkdir(path.join(settings, 'func-local'), { recursive: true })
    for (const name of await readdir(path.join(ROOT, 'node_modules'))) {
      if (name !== 'func-local')
        await symlink(path.join(ROOT, 'node_modules', name), path.join(settings, name))
    }
    await cp(
      path.join(ROOT, 'packages/func-local/package.json'),
      path.join(settings, 'func-local/package.json'),
    )
    try {
      const npmStart = await start()
      await npmStart.ended
      expect(npmStart.child.exitCode).toBe(1)
      expect(npmStart.output()).toMatch(/func-local is not built. Build it with: npm run prepare\n$/)
    } finally {
      await rm(settings, { recursive: true })
      await symlink(path.join(ROOT, 'node_modules'), settings, 'junction')
    }
  })
})
