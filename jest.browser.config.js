import { withProcesses } from './jest.config.js'

/**
 * The tests that need a browser: `npm run test:browser`.
 *
 * @type {import('jest').Config}
 */
export default {
  ...withProcesses,
  displayName: 'browser',
  testMatch: ['<rootDir>/test/browser/**/*.test.ts', '<rootDir>/packages/*/test/**/*.browser.test.ts'],
  testTimeout: 60_000,
}
