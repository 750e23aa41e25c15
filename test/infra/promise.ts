import type { Deployment, Snapshot } from './deployment.ts'

/** Something the infrastructure promises, how to see that it is kept, and how it could be broken. */
export interface InfraPromise {
  readonly says: string
  /** What breaks it, in words; nothing when it is kept. */
  readonly violations: (deployment: Deployment) => string[]
  /** Ways to break it, by name: each makes a change to a deployment that `violations` must then report. */
  readonly breaches: Record<string, (deployment: Deployment) => void>
}

/** A violation, unless it is kept. */
export function unless(kept: boolean, violation: string): string[] {
  return kept ? [] : [violation]
}

/** Whether two lists have the same members, in any order. */
export function same(some: readonly string[], others: readonly string[]): boolean {
  return JSON.stringify([...some].sort()) === JSON.stringify([...others].sort())
}

/** A breach of a file: its text, changed. */
export function inFile(name: string, change: (text: string) => string): (deployment: Deployment) => void {
  return ({ files }) => {
    files[name] = change(files[name] ?? '')
  }
}

/** A breach of the default deployment. */
export function inDefault(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ byDefault }) => void change(byDefault)
}

/** A breach of the deployment with every setting set. */
export function inTuned(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ tuned }) => void change(tuned)
}

/** A breach of the deployment with its records in Cosmos DB. */
export function inCosmosDb(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ cosmos }) => void change(cosmos)
}

/** A breach of the one with its records in Cosmos DB and a virtual network. */
export function inCosmosNetwork(change: (snapshot: Snapshot) => unknown): (deployment: Deployment) => void {
  return ({ cosmosTuned }) => void change(cosmosTuned)
}
