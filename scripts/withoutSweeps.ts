import { createRequire } from 'node:module'

// Loaded into an Azurite in memory before itself. Every minute its queue service removes what deleted messages leave behind;
// in memory that is one entry a message, and each removal sorts the index of all of them anew
// (`MemoryExtentStore.deleteExtents`). After some hundred messages it answers nobody for seconds, after some thousand for
// minutes. Tests and benchmarks are over before they need the space; on the disk these are few large files.
const A_LONG_TIME_MS = 2 ** 31 - 1
const constants = createRequire(import.meta.url)('azurite/dist/src/queue/utils/constants.js') as {
  DEFAULT_GC_INTERVAL_MS: number
}
constants.DEFAULT_GC_INTERVAL_MS = A_LONG_TIME_MS
