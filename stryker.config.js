import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { base } from './jest.config.js'

/*
 * Mutation tests: what changes of the code do the tests notice? `npm run mutation -- <scope>` chooses what is changed and which tests
 * are run; the rest of the command line goes to Stryker: https://stryker-mutator.io/docs/stryker-js/configuration
 */

const ROOT = import.meta.dirname

/**
 * Only tests that run the code in their own process can be asked about a mutant: not those that start a host or another process
 * of the code. An Azurite beside the app's tests is as good as any storage; func-local's tests start one only to start hosts.
 */
const inProcess = (pattern) =>
  globSync(pattern, { cwd: ROOT }).filter(
    (file) =>
      !/harness\/(?:host|azurite)\.ts|testkit\/hostProcess|node:child_process|dist\/worker/.test(
        readFileSync(path.join(ROOT, file), 'utf8'),
      ),
  )

const SCOPES = {
  'func-local': {
    mutate: ['packages/func-local/src/**/*.ts'],
    tests: inProcess('packages/func-local/test/**/*.test.ts'),
  },
  app: {
    mutate: ['src/**/*.ts'],
    tests: inProcess('test/{unit,integration}/**/*.test.ts'),
  },
}

const name = process.env['MUTATION_SCOPE'] ?? 'func-local'
const scope = SCOPES[name]
// A part of the tests, by a pattern for their files: fewer tests are loaded for each mutant.
const pattern = process.env['MUTATION_TESTS']
const chosen = new RegExp(pattern ?? '')
if (scope === undefined) throw new Error(`There is no scope '${name}': ${Object.keys(SCOPES).join(', ')}.`)

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: scope.mutate,
  testRunner: 'jest',
  // Named, because Stryker looks for plugins beside itself, which a workspace may have elsewhere.
  plugins: ['@stryker-mutator/jest-runner'],
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: {
    projectType: 'custom',
    // Chosen tests are few enough, and to find the related ones takes longer than to run them.
    enableFindRelatedTests: pattern === undefined,
    config: {
      ...base,
      // jest.config.js is read as well; each of its projects would run the tests again.
      projects: [],
      testMatch: scope.tests.filter((file) => chosen.test(file)).map((file) => `<rootDir>/${file}`),
    },
  },
  coverageAnalysis: 'perTest',
  incremental: true,
  incrementalFile: `reports/mutation/${name}.incremental.json`,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { allowColor: process.stdout.isTTY, logTests: false, reportTests: false },
  htmlReporter: { fileName: `reports/mutation/${name}.html` },
  jsonReporter: { fileName: `reports/mutation/${name}.json` },
  tempDirName: '.stryker-tmp',
  ignorePatterns: ['.azurite', '**/dist', 'coverage', 'reports', 'infra', 'docs'],
  // Not in pages, which tests compare.
  disableTypeChecks: '{src,test,packages}/**/*.ts',
  // What is changed in a module's constants needs every test again, for each constant: only where it is asked for.
  ignoreStatic: process.env['MUTATION_STATIC'] !== 'true',
  // On a busy machine tests are slow; a mutant that loops is found all the same.
  timeoutMS: 10_000,
}
