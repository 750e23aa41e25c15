import type { InvocationRequest, InvocationResponse } from '../../src/protocol.ts'
import type { WorkerProcess } from '../../src/host/worker-process.ts'

/** A worker without a process. */
export interface FakeWorker extends WorkerProcess {
  readonly requests: InvocationRequest[]
}

/** A worker whose functions respond as `respond` says. */
export function fakeWorker(
  changes: Partial<WorkerProcess> = {},
  respond: (
    request: InvocationRequest,
  ) => Partial<InvocationResponse> | Promise<Partial<InvocationResponse>> = () => ({}),
): FakeWorker {
  const requests: InvocationRequest[] = []
  let killed = false
  return {
    pid: 1,
    functions: [],
    capabilities: {},
    files: [],
    gone: new Promise(() => undefined),
    exited: new Promise(() => undefined),
    invoke: async (request) => {
      requests.push(request)
      return { invocationId: request.invocationId, ...(await respond(request)) }
    },
    detachDebugger: () => undefined,
    terminate: () => Promise.resolve(),
    kill: () => {
      killed = true
    },
    wasKilled: () => killed,
    ...changes,
    requests,
  }
}
