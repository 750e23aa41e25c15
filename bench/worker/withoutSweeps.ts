import { createRequire } from 'node:module'

// Loaded into Azurite before itself. Every minute its queue service removes what deleted messages leave behind; in memory
// that is one entry a message, and each removal sorts the index of all of them anew: after some thousand messages it does
// nothing else for minutes (`MemoryExtentStore.deleteExtents`). A benchmark is over before it needs the space.
const A_LONG_TIME_MS = 2 ** 31 - 1
const constants = createRequire(createRequire(import.meta.url).resolve('azurite/package.json'))(
  './dist/src/queue/utils/constants.js',
) as { DEFAULT_GC_INTERVAL_MS: number }
constants.DEFAULT_GC_INTERVAL_MS = A_LONG_TIME_MS
