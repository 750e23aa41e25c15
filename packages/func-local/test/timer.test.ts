import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { onCoreTools, startHost, type TestHost } from './harness/host.ts'

const NONE = '0001-01-01T00:00:00+00:00'

// https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
describe('timer functions', () => {
  let azurite: Azurite
  let host: TestHost
  let container: ContainerClient

  beforeAll(async () => {
    azurite = await startAzurite()
    container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(
      'azure-webjobs-hosts',
    )
    // The hourly timer has been stopped for two hours.
    await container.createIfNotExists()
    const hour = 60 * 60 * 1000
    const last = Math.floor(Date.now() / hour) * hour - 2 * hour
    const status = { Last: iso(last), Next: iso(last + hour), LastUpdated: iso(last) }
    const body = JSON.stringify(status)
    await container.getBlockBlobClient(statusBlob('hourly')).upload(body, body.length)
    host = await startHost('timer', {
      env: {
        AzureWebJobsStorage: azurite.connectionString,
        AzureFunctionsWebHost__hostid: 'conformance',
        EVERY_SECOND: '* * * * * *',
        WEBSITE_TIME_ZONE: 'UTC',
        TZ: 'UTC',
      },
    })
  })
  afterAll(async () => {
    await host.stop()
    await azurite.stop()
  })

  test('a timer fires on its schedule, which may come from a setting', async () => {
    const output = await host.printed(/frequent got .*\n[^]*frequent got /)
    expect(output).toContain('\n\tfrequent: timerTrigger\n\n')
    // https://github.com/Azure/azure-webjobs-sdk-extensions/blob/dev/src/WebJobs.Extensions/Extensions/Timers/Bindings/TimerTriggerBinding.cs
    expect(output).toMatch(
      /Executing 'Functions\.frequent' \(Reason='Timer fired at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00', Id=/,
    )
  })

  test('a timer that fires more than once a minute has no schedule status', async () => {
    await host.printed('frequent got ')
    expect(timerOf('frequent')).toEqual({
      schedule: { adjustForDST: true },
      scheduleStatus: null,
      isPastDue: false,
    })
    expect(await exists('frequent')).toBe(false)
  })

  test('a time span is a schedule too', async () => {
    await host.printed(/span got .*\n[^]*span got /)
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#configuration
  test('with runOnStartup it runs when the host starts', async () => {
    await host.printed('atStart got ')
    const january = `${new Date().getUTCFullYear() + 1}-01-01T00:00:00+00:00`
    expect(timerOf('atStart')).toMatchObject({
      isPastDue: false,
      scheduleStatus: { last: NONE, next: january },
    })
    expect(host.output()).toContain('Trigger Details: UnscheduledInvocationReason: RunOnStartup')
    // https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Host/AzureStorageScheduleMonitor.cs
    let stored: { Last: string; Next: string }
    do stored = await read('atStart')
    while (stored.Last === NONE)
    expect(stored.Next).toBe(january)
  })

  test('a schedule may have five fields; without useMonitor it has no status', async () => {
    await host.printed('fiveFields got ')
    expect(timerOf('fiveFields')).toMatchObject({ scheduleStatus: null })
    expect(await exists('fiveFields')).toBe(false)
  })

  test('an occurrence missed while the host was stopped runs at once, as past due', async () => {
    await host.printed('hourly got ')
    expect(timerOf('hourly')).toMatchObject({ isPastDue: true })
    expect(host.output()).toContain('Trigger Details: UnscheduledInvocationReason: IsPastDue')
  })

  test('a timer runs once at a time', async () => {
    await host.printed(/slow had .*\n[^]*slow had /)
    expect(host.output()).not.toMatch(/slow had [^1] at a time/)
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-bindings-error-pages#retry-policies
  test('a retry policy applies', async () => {
    await host.printed('retried passes on attempt 2')
    expect(host.output()).toContain('Exception: retried fails on attempt 0')
    expect(host.output()).toContain('Exception: retried fails on attempt 1')
  })

  test('a schedule that is none leaves out its function only', () => {
    expect(host.output()).toContain("The 'wrong' function is in error")
    expect(host.output()).not.toContain('wrong: timerTrigger')
  })

  // https://learn.microsoft.com/azure/azure-functions/functions-manually-run-non-http
  test('timers and warmup functions run when the admin API calls them', async () => {
    for (const name of ['atStart', 'warmup']) {
      const from = host.output().length
      const response = await host.fetch(`/admin/functions/${name}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
      })
      expect(response.status).toBe(202)
      await host.printed(`${name} got {`, from)
    }
    expect(onCoreTools || host.output().includes('warmup got {}')).toBe(true)
  })

  function timerOf(name: string): unknown {
    const text = new RegExp(`${name} got (.*)`).exec(host.output())?.[1] ?? 'null'
    return JSON.parse(text)
  }
  async function read(name: string): Promise<{ Last: string; Next: string }> {
    await sleep(50)
    const body = await container.getBlobClient(statusBlob(name)).downloadToBuffer()
    return JSON.parse(body.toString()) as { Last: string; Next: string }
  }
  async function exists(name: string): Promise<boolean> {
    return await container.getBlobClient(statusBlob(name)).exists()
  }
})

function statusBlob(name: string): string {
  return `timers/conformance/Host.Functions.${name}/status`
}

function iso(moment: number): string {
  return new Date(moment).toISOString()
}
