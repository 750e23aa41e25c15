import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiledDeployment, type Deployment } from './deployment.ts'
import type { InfraPromise } from './promise.ts'
import { PROMISES } from './promises.ts'

const deployment = await compiledDeployment()

for (const promise of PROMISES) {
  await test(promise.says, () => {
    assert.deepEqual(promise.violations(deployment), [])
  })
}

for (const promise of PROMISES) {
  for (const [breach, makeIt] of Object.entries(promise.breaches)) {
    await test(`is noticed: ${breach}`, () => {
      const broken = structuredClone(deployment)
      makeIt(broken)
      assert.ok(JSON.stringify(broken) !== JSON.stringify(deployment), 'the breach changes nothing')
      assert.notDeepEqual(violationsOf(promise, broken), [])
    })
  }
}

/** What a check reports; one that can't even read the deployment has noticed, too. */
function violationsOf(promise: InfraPromise, broken: Deployment): string[] {
  try {
    return promise.violations(broken)
  } catch (error) {
    return [String(error)]
  }
}
