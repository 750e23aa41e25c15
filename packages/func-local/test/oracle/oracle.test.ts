import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readFileSync } from 'node:fs'
import { startAzurite, type Azurite } from '../harness/azurite.ts'
import { onCoreTools } from '../harness/host.ts'
import { differencesBetween } from './differences.ts'
import { replay } from './replay.ts'
import { acceptedReasons, groupNames, runsOf, type RecordedCase, type Run } from './recording.ts'

// What the real host did with 1,670 small cases, and what this host does. A case that differs is a failure unless
// accepted.json says why it may; one that is listed there and does not differ is a failure as well.
//
// RECORDED=routing,limits replays these groups only.

const PATIENCE_MS = 600_000
const groups = process.env['RECORDED']?.split(',') ?? groupNames()
const accepted = acceptedReasons()

;(onCoreTools ? describe.skip : describe)('recorded from the real host', () => {
  let azurite: Azurite
  let workers: Promise<unknown>[] = []
  const jobs = groups.flatMap((group) => runsOf(group).map((run) => createJob(group, run)))

  beforeAll(async () => {
    azurite = await startAzurite()
    // Two hosts at a time. Runs that use storage share their queues, so they follow each other; beside them the others.
    const storage = jobs.filter(({ run }) => run.usesStorage)
    const others = jobs.filter(({ run }) => !run.usesStorage)
    workers = [
      work(() => storage.shift() ?? others.pop(), azurite.connectionString),
      work(() => others.shift(), azurite.connectionString),
    ]
  })
  afterAll(async () => {
    await Promise.all(workers)
    await azurite.stop()
  }, PATIENCE_MS)

  test.each(groups)(
    '%s',
    async (group) => {
      const mine = jobs.filter((job) => job.group === group)
      expect((await Promise.all(mine.map((job) => job.outcome))).flat()).toEqual([])
    },
    PATIENCE_MS,
  )

  test('every accepted difference is of a case that there is, for a reason that the README has in its table', () => {
    const ids = new Set(
      groupNames().flatMap((group) => runsOf(group).flatMap(({ cases }) => cases.map(({ id }) => id))),
    )
    expect([...accepted.keys()].filter((id) => !ids.has(id))).toEqual([])
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const reasons = [...new Set(accepted.values())]
    expect(reasons.filter((reason) => !readme.includes(`| ${reason} `))).toEqual([])
  })
})

/** A run to be done, and what it will have found. */
interface Job {
  readonly group: string
  readonly run: Run
  readonly outcome: Promise<readonly string[]>
  readonly settle: (outcome: Promise<readonly string[]>) => void
}

function createJob(group: string, run: Run): Job {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>()
  return { group, run, outcome: promise, settle: resolve }
}

/** Does one job after the other until there is none. */
async function work(next: () => Job | undefined, connectionString: string): Promise<void> {
  for (let job = next(); job !== undefined; job = next()) {
    const outcome = unexplained(job.run, connectionString)
    job.settle(outcome)
    await outcome.catch(() => undefined)
  }
}

/** In words, what differs without a reason, and what has a reason without a difference. */
async function unexplained(run: Run, connectionString: string): Promise<string[]> {
  return [...(await replay(run, connectionString))].flatMap(([one, result]) => {
    const differences = differencesBetween(one.real, result)
    const reason = accepted.get(one.id)
    if (differences.length === 0)
      return reason === undefined
        ? []
        : [`${shown(one)}: is as it was recorded, but accepted.json has it: ${reason}`]
    if (reason !== undefined) return []
    return differences.map(
      ({ path, real, here }) =>
        `${shown(one)}: ${path} was ${JSON.stringify(real)}, and is ${JSON.stringify(here)}`,
    )
  })
}

function shown({ id, app }: RecordedCase): string {
  return `${id} (app ${app})`
}
