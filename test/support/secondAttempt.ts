import { jest } from '@jest/globals'

// These tests start hosts, storage and browsers, and a CI machine has others on it. There a test that fails is tried a second
// time: both failures are printed, and the last lines of .ci/run name each test that needed it. It is a defect to be mended,
// of the test or of the code, but not one of the change that CI happens to run for.
if (process.env['CI'] === 'true') jest.retryTimes(1, { logErrorsBeforeRetry: true })
