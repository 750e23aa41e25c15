import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, test } from '@jest/globals'
import { bundleOptions, releaseOptions } from '../../scripts/build.ts'
import packageJson from '../../package.json' with { type: 'json' }

const ROOT = path.join(import.meta.dirname, '../..')

/** The app runs on it, here and in Azure. */
const RUNTIME = 24
/** The oldest that npm may run on: it installs the one above. */
const OLDEST = 20
/** func-local is a package of its own, and runs on these. */
const FUNC_LOCAL = [22, 24]

async function read(file: string): Promise<string> {
  return await readFile(path.join(ROOT, file), 'utf8')
}

async function filesIn(folder: string, extension: string): Promise<readonly string[]> {
  // What is beside the app can be deleted.
  const names = await readdir(path.join(ROOT, folder)).catch(() => [])
  return names.filter((name) => name.endsWith(extension)).map((name) => path.join(folder, name))
}

/** The numbers that a pattern finds in a file. */
function found(text: string, pattern: RegExp): readonly number[] {
  return [...text.matchAll(pattern)].map(([, number]) => Number(number))
}

describe('the app runs on one version of Node', () => {
  test('by package.json, and by what is installed', async () => {
    expect(packageJson.engines.node).toBe(`>=${RUNTIME}`)
    expect(packageJson.devDependencies.node).toMatch(`^${RUNTIME}.`)
    expect(packageJson.devDependencies['@types/node']).toMatch(`^${RUNTIME}.`)
    const { version } = JSON.parse(await read('node_modules/node/package.json')) as { version: string }
    expect(version).toMatch(new RegExp(`^${RUNTIME}\\.`))
  })

  test('by what the compiler and the bundler emit', async () => {
    for (const options of [bundleOptions('development'), ...releaseOptions()]) {
      expect(options.target).toBe(`node${RUNTIME}`)
    }
    // https://github.com/tsconfig/bases: what Node 24 has is ES2024.
    const { compilerOptions } = JSON.parse(await read('tsconfig.json')) as {
      compilerOptions: { target: string; lib: string[] }
    }
    expect(compilerOptions.target).toBe('es2024')
    expect(compilerOptions.lib).toStrictEqual(['es2024'])
    for (const file of await filesIn('packages/bench/src', '.ts')) {
      for (const target of found(await read(file), /target: 'node(\d+)'/g)) expect(target).toBe(RUNTIME)
    }
  })

  test('in every workflow', async () => {
    for (const file of await filesIn('.github/workflows', '.yml')) {
      const text = await read(file)
      const matrix = /^ +node: \[([\d, ]+)\]/m.exec(text)?.[1]
      if (matrix !== undefined) {
        expect(matrix.split(', ').map(Number)).toStrictEqual(FUNC_LOCAL)
        continue
      }
      const versions = found(text, /^ +node-version: ['"]?(\d+)/gm)
      expect([file, versions]).toStrictEqual([file, versions.map(() => RUNTIME)])
      expect(versions).toHaveLength([...text.matchAll(/uses: actions\/setup-node@/g)].length)
    }
  })

  test('in the development container', async () => {
    const { image } = JSON.parse(await read('.devcontainer/devcontainer.json')) as { image: string }
    expect(image).toMatch(new RegExp(`:${RUNTIME}$`))
  })

  test('in Azure', async () => {
    for (const file of await filesIn('infra/modules', '.bicep')) {
      const text = await read(file)
      expect(found(text, /name: 'node', version: '(\d+)'/g)).toStrictEqual(
        file.endsWith('app.bicep') ? [RUNTIME] : [],
      )
    }
  })
})

test('func-local names the oldest version it runs on, the same everywhere', async () => {
  const { engines } = JSON.parse(await read('packages/func-local/package.json')) as {
    engines: { node: string }
  }
  const oldest = Math.min(...FUNC_LOCAL)
  expect(engines.node).toBe(`>=${oldest}`)
  expect(found(await read('packages/func-local/build.js'), /target: 'node(\d+)'/g)).toStrictEqual([oldest])
  expect(found(await read('packages/func-local/README.md'), /Node(?:\.js)? (\d+) or later/g)).toContain(
    oldest,
  )
})

describe('the documentation', () => {
  const pages = ['docs/reference.md', 'CONTRIBUTING.md']

  it.each(pages)('%s says what is needed, and what it runs on', async (file) => {
    const text = (await read(file)).replaceAll(/\s+/g, ' ')
    expect(found(text, /Node\.js (\d+) or later/g)).toStrictEqual([OLDEST])
    expect(found(text, /Node(?:\.js)? (\d+)/g)).toContain(RUNTIME)
  })

  it('has a badge of the version', async () => {
    expect(found(await read('README.md'), /badge\/node-(\d+)/g)).toStrictEqual([RUNTIME])
  })

  it('names no other version', async () => {
    for (const file of ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...(await filesIn('docs', '.md'))]) {
      const text = (await read(file)).replaceAll(/\s+/g, ' ')
      const needed = found(text, /\bNode(?:\.js)? v?(\d+) (?:or|and) (?:later|newer)/g)
      expect([file, ...needed]).toStrictEqual([file, ...needed.map(() => OLDEST)])
      const others = found(text, /\bNode(?:\.js)? v?(\d+)\b(?! (?:or|and) (?:later|newer))/g)
      expect([file, ...others]).toStrictEqual([file, ...others.map(() => RUNTIME)])
    }
  })
})
