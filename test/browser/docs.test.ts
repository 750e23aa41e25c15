import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import { startChromium } from 'api-page/chromium'
import { randomUUID } from 'node:crypto'
import type { BrowserContext, Page } from 'playwright-core'
import { startAzurite, type Azurite } from 'testkit/azurite'
import { startHost, type TestHost } from 'testkit/hostProcess'
import { unpackedApp } from 'testkit/unpackedApp'
import openapi from '../../src/http/openapi.json' with { type: 'json' }

// /api/docs in a real browser, served by the built app on a host that asks for keys. What the page does with any
// description, its own package tests (packages/api-page).

const KEY = 'a-key-for_this-test'

const { post: place } = openapi.paths['/order']
const { get: read } = openapi.paths['/order/{id}']

// Without a browser there is nothing to test, and the file fails with that as the reason.
const browser = await startChromium()

let azurite: Azurite
let app: Awaited<ReturnType<typeof unpackedApp>>
let host: TestHost
let context: BrowserContext
let page: Page
let complaints: string[]
let requested: string[]

beforeAll(async () => {
  azurite = await startAzurite({})
  app = await unpackedApp()
  host = await startHost({
    folder: app.folder,
    environment: { AzureWebJobsStorage: azurite.connectionString, FUNC_LOCAL_KEY: KEY },
    flags: ['--enableAuth'],
  })
}, 120_000)

afterAll(async () => {
  await browser.close()
  await host.stop()
  await app.remove()
  await azurite.stop()
}, 60_000)

beforeEach(async () => {
  complaints = []
  requested = []
  context = await browser.newContext()
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(`${host.url}/api/docs`)
  await operation(place.summary).waitFor()
})

afterEach(() => context.close())

const operation = (summary: string) => page.getByRole('region', { name: summary, exact: true })

const body = () => operation(place.summary).getByLabel(/^Body/)

async function send(summary: string): Promise<string> {
  await page.evaluate('for (const node of document.querySelectorAll(".result")) node.remove()')
  await operation(summary).getByRole('button', { name: 'Send' }).click()
  const result = operation(summary).locator('.result')
  await result.waitFor()
  return result.innerText()
}

it('shows every operation under its title, and requests only the page and the description', async () => {
  const summaries = Object.values(openapi.paths).flatMap((item) =>
    Object.values<{ readonly summary: string }>(item).map(({ summary }) => summary),
  )
  expect((await page.locator('nav a').allInnerTexts()).toSorted()).toStrictEqual(summaries.toSorted())
  expect(await page.title()).toBe(openapi.info.title)
  expect(requested).toStrictEqual([`${host.url}/api/docs`, `${host.url}/api/openapi.json`])
  expect(complaints).toStrictEqual([])
})

it('offers every example of a body, and describes its fields', async () => {
  const media = place.requestBody.content['application/json']
  await operation(place.summary).getByText('Fields and examples').click()
  for (const name of Object.keys(openapi.components.schemas.Order.properties)) {
    await operation(place.summary).locator('form dt code', { hasText: name }).first().waitFor()
  }
  for (const { summary, value } of Object.values(media.examples)) {
    await operation(place.summary).getByLabel('Put an example into the body').selectOption({ label: summary })
    expect(JSON.parse(await body().inputValue())).toStrictEqual(value)
  }
})

it('without a key shows the 401 and what it means', async () => {
  const shown = await send(place.summary)
  expect(shown).toMatch(/^401 Unauthorized/)
  expect(shown).toContain(openapi.components.responses.Unauthorized.description)
})

it('with a key places an order, fills in its id where an order is read, and reads it', async () => {
  await page.getByLabel('Function key', { exact: true }).fill(KEY)
  const id = `docs-${randomUUID()}`
  await body().fill(JSON.stringify({ id, item: 'blue widget', quantity: 3 }))
  const placed = await send(place.summary)
  expect(placed).toMatch(/^200 OK/)
  expect(placed).toContain('"message": "Order for blue widget processed!"')

  expect(await operation(read.summary).getByLabel(/^id\b/).inputValue()).toBe(id)
  const found = await send(read.summary)
  expect(found).toMatch(/^200 OK/)
  expect(found).toContain(`"id": "${id}"`)
  expect(requested.join(' ')).not.toContain(KEY)
})

it('accepts an order with the headers that are typed', async () => {
  await page.getByLabel('Function key', { exact: true }).fill(KEY)
  const id = `docs-${randomUUID()}`
  await operation(place.summary)
    .getByLabel(/^Idempotency-Key/)
    .fill(id)
  await operation(place.summary)
    .getByLabel(/^Prefer/)
    .fill('respond-async')
  const shown = await send(place.summary)
  expect(shown).toMatch(/^202 Accepted/)
  expect(shown).toContain(`"id": "${id}"`)
})
