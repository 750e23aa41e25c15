import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, describe, expect, it, test } from '@jest/globals'
import * as esbuild from 'esbuild'
import { bundleOptions, releaseOptions, ROOT } from '../../scripts/build.ts'
import { PACKAGE_FILES, storeToBuildFor } from '../../scripts/package.ts'

/** Whether a folder, or what it lies in, is deployed. */
function isDeployed(folder = ''): boolean {
  const relative = path.relative(ROOT, path.resolve(ROOT, folder))
  return PACKAGE_FILES.includes(relative.split(path.sep)[0] ?? '')
}

test('what npm start builds, source maps and all, lies outside of what is deployed', () => {
  const { outdir, sourcemap } = bundleOptions('development')
  expect(sourcemap).toBe('linked')
  expect(isDeployed(outdir)).toBe(false)
  for (const release of releaseOptions()) {
    expect(release.sourcemap).toBe(false)
    expect(release.minify).toBe(true)
    expect(isDeployed(release.outdir)).toBe(true)
  }
})

test('the debugger looks for breakpoints where npm start builds', () => {
  const launch = readFileSync(path.join(ROOT, '.vscode/launch.json'), 'utf8')
  const { outdir = '' } = bundleOptions('development')
  expect(launch).toContain(
    `\${workspaceFolder}/${path.relative(ROOT, outdir).replaceAll(path.sep, '/')}/**/*.js`,
  )
})

describe('a release', () => {
  const before = process.env['ORDER_STORE']

  afterEach(() => {
    if (before === undefined) delete process.env['ORDER_STORE']
    else process.env['ORDER_STORE'] = before
  })

  /** What is in the package, and the text of its first file. */
  async function release(store: string | undefined) {
    if (store === undefined) delete process.env['ORDER_STORE']
    else process.env['ORDER_STORE'] = store
    const [first, later] = await Promise.all(
      releaseOptions().map((options) => esbuild.build({ ...options, write: false, metafile: true })),
    )
    return {
      inputs: Object.keys(later?.metafile.inputs ?? {}),
      main: first?.outputFiles.map(({ text }) => text).join('') ?? '',
    }
  }
  const isCosmos = (file: string) => file.includes('/@azure/cosmos/')

  it.each([undefined, 'tables'])('for %s has nothing of Cosmos DB', async (store) => {
    const { inputs, main } = await release(store)
    expect(inputs.filter(isCosmos)).toStrictEqual([])
    expect(main).not.toContain('orderChanged')
    expect(main).toContain('was built without Cosmos DB')
  })

  it('for cosmos has its client library, which is loaded when it is chosen, and not by the first file', async () => {
    const { inputs, main } = await release('cosmos')
    expect(inputs.some(isCosmos)).toBe(true)
    expect(main).toContain('orderChanged')
    expect(main).not.toContain('ThrottledRequestMaxRetryAttemptCount')
    expect(main).not.toContain('was built without Cosmos DB')
  })

  it('for anything else is not built', async () => {
    await expect(release('mongo')).rejects.toThrow('Set it to tables or cosmos')
  })
})

test.each([
  [{ STORE: 'cosmos' }, 'tables', 'cosmos'],
  [{ STORE: 'tables', ORDER_STORE: 'cosmos' }, undefined, 'cosmos'],
  // What GitHub passes for a variable that does not exist.
  [{ STORE: '' }, undefined, undefined],
  [{ STORE: '' }, 'cosmos', 'cosmos'],
  [{}, 'cosmos', 'cosmos'],
  [{}, undefined, undefined],
])('with %j, and %j in the azd environment, a package is built for %j', (environment, ofAzd, store) => {
  expect(storeToBuildFor(environment, () => ofAzd)).toBe(store)
})
