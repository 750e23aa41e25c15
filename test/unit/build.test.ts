import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { bundleOptions, releaseOptions, ROOT } from '../../scripts/build.ts'
import { PACKAGE_FILES } from '../../scripts/package.ts'

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
