/** @type {import('jest').Config} */
export const base = {
  preset: 'ts-jest/presets/default-esm',
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': ['ts-jest', { useESM: true, tsconfig: 'tsconfig.json' }],
    '\\.html$': '<rootDir>/test/support/textTransform.js',
  },
  // TypeScript rewrites `./x.ts` to `./x.js` when ts-jest emits; the files on disk are the `.ts` ones.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  moduleFileExtensions: ['ts', 'js', 'json'],
  // Apps that tests run (two packages of one name would be a collision), and the copies that mutation tests run in.
  modulePathIgnorePatterns: ['/test/fixtures/', '<rootDir>/.stryker-tmp'],
}

/** For tests that start processes. @type {import('jest').Config} */
export const withProcesses = { ...base, setupFilesAfterEnv: ['<rootDir>/test/support/secondAttempt.ts'] }

/** @type {import('jest').Config} */
export default {
  // Real hosts and real storage take their time, above all on a busy machine; nothing is asserted about time.
  testTimeout: 60_000,
  projects: [
    ...['unit', 'integration', 'e2e', 'adoption'].map((name) => ({
      ...(name === 'unit' ? base : withProcesses),
      displayName: name,
      testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
    })),
    {
      ...withProcesses,
      displayName: 'packages',
      testMatch: ['<rootDir>/packages/{testkit,soak,bench}/test/**/*.test.ts'],
    },
    {
      ...withProcesses,
      displayName: 'func-local',
      testMatch: ['<rootDir>/packages/func-local/test/**/*.test.ts'],
      // jest.browser.config.js has those.
      testPathIgnorePatterns: ['\\.browser\\.test\\.ts$'],
    },
  ],
  collectCoverageFrom: ['src/**/*.ts'],
  coverageReporters: ['text', 'lcovonly'],
  coverageThreshold: { global: { branches: 95, functions: 95, lines: 95, statements: 95 } },
}
