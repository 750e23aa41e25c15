import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as esbuild from 'esbuild'
import { startAzurite } from 'testkit/azurite'
import { copyHost } from './apps.ts'
import { bundleOptions, ROOT } from '../../../scripts/build.ts'
import { flameGraph, type CpuProfile } from './flameGraph.ts'
import { startBenchHost } from './host.ts'
import { openHttpLoad, requestBytes } from './httpLoad.ts'

const CALLS = 5000
const WARM_UP = 1000
const CONCURRENCY = 16

// node packages/bench/src/profile.ts [FILE]: where the worker's time goes while orders are placed over HTTP, as an SVG.
const target = path.resolve(process.argv[2] ?? path.join(ROOT, 'docs/hot-path.svg'))
const folder = await mkdtemp(path.join(tmpdir(), 'order-profile-'))
const azurite = await startAzurite({})
try {
  const app = path.join(folder, 'app')
  // Readable names and a source map: the code is the release's.
  await esbuild.build({ ...bundleOptions('development'), outdir: path.join(app, 'dist') })
  for (const name of ['host.json', 'package.json']) await cp(path.join(ROOT, name), path.join(app, name))
  const profiles = path.join(folder, 'profiles')
  const host = await startBenchHost({
    host: await copyHost(path.join(folder, 'func-local')),
    app,
    environment: { AzureWebJobsStorage: azurite.connectionString },
    firstCall: { path: '/api/hello', method: 'GET', status: 200 },
    flags: ['--language-worker', '--', '--cpu-prof', `--cpu-prof-dir=${profiles}`],
  })
  try {
    const load = await openHttpLoad(host.port, CONCURRENCY)
    const order = requestBytes('POST', '/api/order', JSON.stringify({ item: 'widget', quantity: 2 }))
    await load.run(WARM_UP + CALLS, order)
    load.close()
  } finally {
    await host.stop()
  }
  const [name = ''] = await readdir(profiles)
  const profile = JSON.parse(await readFile(path.join(profiles, name), 'utf8')) as CpuProfile
  await writeFile(
    target,
    flameGraph(profile, `POST /api/order: ${WARM_UP + CALLS} orders to Azurite, the worker process`),
  )
  console.log(path.relative(process.cwd(), target))
} finally {
  await azurite.stop()
  await rm(folder, { recursive: true, force: true })
}
