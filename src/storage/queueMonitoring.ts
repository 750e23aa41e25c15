// Loaded as one: the timer function needs both.

export { storageQueueDrain } from './queueDrain.ts'
export { storageQueueMeter } from './queueMeter.ts'
