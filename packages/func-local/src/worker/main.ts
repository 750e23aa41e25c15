/**
 * The worker process: loads the app and runs its functions when the host asks. It talks to the host over the
 * inherited file descriptor 3, so that the app's standard output stays the app's.
 */
import { Socket } from 'node:net'
import { openChannel } from '../channel.ts'
import type { FromWorker, ToWorker } from '../protocol.ts'
import { createApp } from './app.ts'
import { createCoreApi } from './core-api.ts'
import { provideCoreModule } from './core-module.ts'
import { flushOnExit, redirectOutput } from './output.ts'
import { watchStreamResponses } from './stream-responses.ts'
import { createWorker } from './worker.ts'

/** The version of the worker's core API that this process implements. */
const WORKER_VERSION = '3.12.0'
const HOST_CHANNEL = 3

const app = createApp()
let hostVersion = ''
const socket = new Socket({ fd: HOST_CHANNEL })
flushOnExit(socket, HOST_CHANNEL)
const worker = createWorker({
  app,
  streamResponses: watchStreamResponses(),
  send: (message) => {
    channel.send(message)
  },
  onHostVersion: (version) => {
    hostVersion = version
  },
  end: () => {
    socket.end(() => process.exit(0))
  },
})
const channel = openChannel<FromWorker, ToWorker>(socket, worker.receive)
redirectOutput(channel, socket)
// Without its host a worker has no purpose; this also ends it when the host is killed hard.
socket.on('close', () => process.exit(0))
socket.on('error', () => process.exit(0))
// Ctrl-C reaches the whole process group; the host decides when its worker ends.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)

provideCoreModule(createCoreApi(app, WORKER_VERSION, () => hostVersion, worker.log))
