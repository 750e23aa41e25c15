import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals'
import type { BrowserContext, Locator, Page } from 'playwright-core'
import { writeApp, type TestApp } from './harness/app.ts'
import { startAzurite, type Azurite } from './harness/azurite.ts'
import { faintTexts, startChromium } from './harness/chromium.ts'
import { startHost, type TestHost } from './harness/host.ts'

// What a person does with the console: a real host with a real app and storage, in a real browser.

// A busy machine takes its time; nothing is asserted about it.
const PATIENCE_MS = 60_000
jest.setTimeout(3 * PATIENCE_MS)

const APP = `const { app, output } = require('@azure/functions')
const connection = 'AzureWebJobsStorage'
const sent = output.storageQueue({ queueName: 'greetings', connection })
app.http('hello', { methods: ['GET', 'POST'], authLevel: 'anonymous', route: 'hello/{id}', extraOutputs: [sent],
  handler: async (request, context) => {
    context.warn('asked by ' + request.headers.get('x-who'))
    if (request.query.has('send')) context.extraOutputs.set(sent, { name: request.query.get('send') })
    if (request.query.has('crash')) process.exit(3)
    return { status: 201, jsonBody: { id: request.params.id, tags: new URL(request.url).searchParams.getAll('tag'), text: await request.text() } }
  } })
app.storageQueue('greet', { queueName: 'greetings', connection, handler: (message, context) => {
  context.log('Greeted ' + message.name + '.')
  if (message.fail) throw new Error('No greeting for ' + message.name)
} })
app.storageBlob('picture', { path: 'pictures/{name}', connection, handler: (blob, context) => context.log(context.triggerMetadata.name + ' has ' + blob.length) })
app.timer('tick', { schedule: '0 0 0 1 1 *', handler: (timer, context) => context.log('past due: ' + timer.isPastDue) })
app.serviceBusQueue('bus', { queueName: 'orders', connection: 'Bus', handler: (message) => ({ got: message }) })
app.storageQueue('off', { queueName: 'offline', connection, handler: () => {} })
app.storageQueue('wrong', { queueName: 'Not_Valid', connection, handler: () => {} })
`
const HOST_JSON =
  '{ "version": "2.0", "extensions": { "queues": { "maxDequeueCount": 2, "visibilityTimeout": "00:00:00" } } }'
const IMAGE = '<img src=x onerror="document.title=1">'

// Without a browser there is nothing to test, and the file fails with that as the reason.
const browser = await startChromium()

let azurite: Azurite
let files: TestApp
let host: TestHost
let context: BrowserContext
let page: Page
let complaints: string[]
let requested: string[]

beforeAll(async () => {
  azurite = await startAzurite()
  files = await writeApp({ 'src/index.js': APP, 'host.json': HOST_JSON })
  host = await startHost(files.directory, { env: environment() })
}, 3 * PATIENCE_MS)

afterAll(async () => {
  await browser.close()
  await host.stop()
  await azurite.stop()
  await files.remove()
}, 3 * PATIENCE_MS)

beforeEach(() => open())
afterEach(() => context.close())

function environment(): Record<string, string> {
  return { AzureWebJobsStorage: azurite.connectionString, 'AzureWebJobs.off.Disabled': 'true' }
}

async function open(options: Parameters<typeof browser.newContext>[0] = {}, url = host.url): Promise<void> {
  complaints = []
  requested = []
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(url)
}

const functions = (): Locator => page.locator('#function-list')
const card = (name: string): Locator =>
  functions()
    .getByRole('listitem')
    .filter({ hasText: new RegExp(`^${name}`) })
const invocations = (): Locator => page.locator('#invocation-list > li')
const queues = (): Locator => page.locator('#queue-list')

/** Opens the form of a function. */
async function form(name: string): Promise<Locator> {
  await functions()
    .getByRole('button', { name: new RegExp(`^${name}\\b`) })
    .click()
  return page.getByRole('group', { name: `Call ${name}` })
}

/** The invocation that says this, opened. */
async function invocation(text: string): Promise<Locator> {
  const row = invocations().filter({ hasText: text }).first()
  await row.getByRole('button').click()
  await row.locator('.region > *').first().waitFor()
  return row
}

describe('the functions', () => {
  it('are listed with their triggers, their state and the reason', async () => {
    await card('wrong').waitFor()
    const text = (await functions().innerText()).replaceAll(/\s+/g, ' ')
    for (const line of [
      'bus serviceBus orders on call only func-local does not listen to Service Bus: call it from here.',
      'greet queue greetings',
      'hello http /api/hello/{id}',
      'off queue offline disabled AzureWebJobs.off.Disabled is set.',
      'picture blob pictures/{name}',
      'tick timer 0 0 0 1 1 *',
      "wrong queue in error 'queueName' of its queueTrigger binding is 'Not_Valid'. A queue name can contain only",
    ])
      expect(text).toContain(line)
    expect(await page.title()).toMatch(/^func-local-\w+ – func-local$/)
    expect(await card('wrong').getByRole('button').count()).toBe(0)
    expect(await page.getByRole('status').first().innerText()).toMatch(/^Running, func-local /)
  })

  it('a message from the form goes to the queue, and its invocation is there with its log; HTML stays text', async () => {
    const call = await form('greet')
    await call.getByLabel('Message').fill(JSON.stringify({ name: IMAGE }))
    await call.getByRole('button', { name: 'Put on the queue' }).click()
    await call.getByText('Sent to greetings.').waitFor()
    const row = await invocation(`Greeted ${IMAGE}.`)
    expect(await row.innerText()).toContain('succeeded')
    expect(await row.locator('.log').innerText()).toBe(`information Greeted ${IMAGE}.`)
    expect(await row.innerText()).toContain("New queue message detected on 'greetings'.")
    expect(await page.locator('img').count()).toBe(0)
    expect(complaints).toStrictEqual([])
  })

  it('characters that end a line elsewhere lose no event', async () => {
    const call = await form('greet')
    await call.getByLabel('Message').fill('{"name":"all\\u2028the\\u2029lines"}')
    await call.getByRole('button', { name: 'Call without the queue' }).click()
    await call.getByText('succeeded').waitFor()
    const row = invocations().filter({ hasText: /Greeted all\sthe\slines\./ })
    await row.waitFor()
    await page.reload()
    await row.waitFor()
  })

  it('a message that fails is on the poison queue, which can be looked into', async () => {
    const call = await form('greet')
    await call.getByLabel('Message').fill(JSON.stringify({ name: IMAGE, fail: true }))
    await call.getByRole('button', { name: 'Put on the queue' }).click()
    const poison = queues().getByRole('button', { name: /^greetings-poison 1 message$/ })
    await poison.click()
    const message = page.getByRole('group', { name: 'Messages of greetings-poison' }).getByRole('article')
    expect(await message.locator('pre').innerText()).toBe(
      JSON.stringify({ name: IMAGE, fail: true }, null, 2),
    )
    const row = await invocation(`No greeting for ${IMAGE}`)
    expect(await row.innerText()).toContain('failed')
    expect(
      await row
        .getByText(/at handler|index\.js/)
        .first()
        .innerText(),
    ).toContain('index.js')
    expect(await page.locator('img').count()).toBe(0)
    expect(complaints).toStrictEqual([])
  })

  it('an HTTP function gets method, route, query, headers and body', async () => {
    const call = await form('hello')
    await call.getByLabel('Method').selectOption('POST')
    await call.getByLabel('Route: id').fill('a b+ü')
    await call.getByLabel('Query').fill('send=Ada&tag=a&tag=b')
    await call.getByLabel('Headers').fill('X-Who: me\nX-Who: you\n')
    await call.getByLabel('Body').fill(IMAGE)
    await call.getByRole('button', { name: 'Send the request' }).click()
    const result = call.locator('.result')
    await result.getByText('Response: 201').waitFor()
    expect(JSON.parse(await result.getByLabel('Body').innerText())).toStrictEqual({
      id: 'a b+ü',
      tags: ['a', 'b'],
      text: IMAGE,
    })
    expect(await result.innerText()).toContain('warning: asked by me,you')
    const row = await invocation('asked by me,you')
    expect(await row.innerText()).toMatch(/succeeded, 201/)
    expect(await row.innerText()).toContain('"name": "Ada"')
    // The output was written, so that another function has run.
    await invocations().filter({ hasText: 'Greeted Ada.' }).first().waitFor()
  })

  it('the result of a form has no secrets of the settings', async () => {
    const [, secret = ''] = /AccountKey=([^;]+)/.exec(azurite.connectionString) ?? []
    expect(secret).not.toBe('')
    const call = await form('bus')
    await call.getByLabel('Data').fill(JSON.stringify({ key: secret }))
    await call.getByRole('button', { name: 'Call' }).click()
    expect(JSON.parse(await call.getByLabel('Result').innerText())).toStrictEqual({ got: { key: '***' } })
  })

  it('what is not filled in as it must be is said, and nothing is called', async () => {
    const call = await form('hello')
    await call.getByLabel('Headers').fill('no header')
    await call.getByRole('button', { name: 'Send the request' }).click()
    await call.getByText("'no header' is no header: write Name: value.").waitFor()
    await call.getByLabel('Route: id').fill('')
    await call.getByLabel('Headers').fill('')
    await call.getByRole('button', { name: 'Send the request' }).click()
    expect(await call.locator('input:invalid').count()).toBe(1)
  })

  it('a timer runs now, a function on call with its sample, a blob with a file', async () => {
    const timer = await form('tick')
    await timer.getByRole('button', { name: 'Run now' }).click()
    await timer.getByText('information: past due: false').waitFor()
    await timer.getByLabel('Timer').fill('{"isPastDue": true}')
    await timer.getByRole('button', { name: 'Run now' }).click()
    await timer.getByText('information: past due: true').waitFor()
    const bus = await form('bus')
    expect(JSON.parse(await bus.getByLabel('Data').inputValue())).toStrictEqual({ id: '1', name: 'sample' })
    await bus.getByRole('button', { name: 'Call' }).click()
    expect(JSON.parse(await bus.getByLabel('Result').innerText())).toStrictEqual({
      got: { id: '1', name: 'sample' },
    })
    const blob = await form('picture')
    await blob
      .getByLabel('File')
      .setInputFiles({ name: 'cat.png', mimeType: 'image/png', buffer: Buffer.alloc(40_000, 0xff) })
    await blob.getByRole('button', { name: 'Call' }).click()
    await blob.getByText('information: cat.png has 40000').waitFor()
    await blob.getByLabel('Name').fill('no-container')
    await blob.getByRole('button', { name: 'Call' }).click()
    await blob.locator('.fault').waitFor()
  })

  it('what is typed stays when other functions change', async () => {
    const call = await form('greet')
    await call.getByLabel('Message').fill('typed')
    await files.write({
      'src/more.js':
        "require('@azure/functions').app.timer('extra', { schedule: '0 0 0 1 1 *', handler: () => {} })",
    })
    await card('extra').waitFor()
    expect(await call.getByLabel('Message').inputValue()).toBe('typed')
    await files.write({ 'src/more.js': '' })
    await card('extra').waitFor({ state: 'detached' })
    expect(await call.getByLabel('Message').inputValue()).toBe('typed')
  })
})

describe('the queues', () => {
  it('change with who reads and writes them', async () => {
    const code = (more: string): string =>
      `const { app, output } = require('@azure/functions')
      const mail = { queueName: 'mail', connection: 'AzureWebJobsStorage' }
      app.timer('writer', { schedule: '0 0 0 1 1 *', extraOutputs: [output.storageQueue(mail)], handler: () => {} })
      ${more}`
    await files.write({ 'src/more.js': code('') })
    await queues().scrollIntoViewIfNeeded()
    const queue = queues().getByRole('listitem').filter({ hasText: 'mail' })
    await queue.getByText('AzureWebJobsStorage; written by writer').waitFor()
    await files.write({ 'src/more.js': code("app.storageQueue('reader', { ...mail, handler: () => {} })") })
    await queue.getByText('AzureWebJobsStorage; read by reader; written by writer').waitFor()
    await queue.getByRole('button', { name: /^mail-poison/ }).waitFor()
    await files.write({ 'src/more.js': '' })
    await queue.waitFor({ state: 'detached' })
  })
})

describe('the invocations', () => {
  it('can be filtered, paused and cleared', async () => {
    const timer = await form('tick')
    const run = async (): Promise<void> => {
      await timer.getByRole('button', { name: 'Run now' }).click()
      await timer.getByText('information: past due').waitFor()
    }
    await run()
    const greet = await form('greet')
    await greet.getByLabel('Message').fill('{"name":"Eve","fail":true}')
    await greet.getByRole('button', { name: 'Call without the queue' }).click()
    await invocations().filter({ hasText: 'No greeting for Eve' }).waitFor()
    const shown = async (): Promise<string[]> =>
      await invocations().filter({ visible: true }).locator('strong').allInnerTexts()
    await page.getByLabel('failed only').check()
    expect(new Set(await shown())).toStrictEqual(new Set(['greet']))
    await page.getByLabel('failed only').uncheck()
    await page.getByLabel('Function', { exact: true }).selectOption('tick')
    expect(new Set(await shown())).toStrictEqual(new Set(['tick']))
    await page.getByLabel('Function', { exact: true }).selectOption('')
    await page.getByRole('button', { name: 'Clear' }).click()
    expect(await shown()).toStrictEqual([])
    await page.getByRole('button', { name: 'Pause' }).click()
    await run()
    await page.getByRole('button', { name: 'Resume (1 changed)' }).click()
    expect(await shown()).toStrictEqual(['tick'])
  })

  it('that end together, more than the host keeps, do not run for ever, and a pause keeps what can be shown', async () => {
    await card('greet').waitFor()
    const callMany = async (): Promise<void> => {
      const total = page.locator('#counts')
      const before = Number.parseInt(await total.innerText(), 10) || 0
      const ids = Array.from({ length: 300 }, (_, n) => n)
      await Promise.all(ids.map((id) => host.fetch(`/api/hello/${id}`)))
      await total.filter({ hasText: `${before + ids.length} since the start` }).waitFor()
    }
    await callMany()
    await page.locator('#invocation-list:has(> li):not(:has(.running))').waitFor()
    await page.getByRole('button', { name: 'Pause' }).click()
    for (let n = 0; n < 3; n++) await callMany()
    await page.getByRole('button', { name: 'Resume (200 or more changed)' }).click()
    await page.locator('#invocation-list:has(> li):not(:has(.running))').waitFor()
    expect(await invocations().count()).toBeLessThanOrEqual(200)
  })

  it('are said to a screen reader in few words', async () => {
    const timer = await form('tick')
    await timer.getByRole('button', { name: 'Run now' }).click()
    await page
      .getByRole('status')
      .filter({ hasText: /^tick succeeded, / })
      .waitFor()
  })
})

describe('the app', () => {
  it('that does not load any more is said at once, and again when it does', async () => {
    await card('greet').waitFor()
    await files.write({ 'src/index.js': `${APP}\nthis is not JavaScript ${IMAGE}` })
    const alert = page.getByRole('alert')
    await alert.getByText(/SyntaxError|index\.js/).waitFor()
    const entries = page.getByRole('list', { name: 'What the host said about the app' })
    await entries
      .getByText('The app was not reloaded: the version that was running before goes on.')
      .waitFor()
    expect(await page.locator('img').count()).toBe(0)
    await files.write({ 'src/index.js': APP })
    await page.locator('#alert:empty').waitFor({ state: 'attached' })
  })

  it('that crashes is started again, and the console says so', async () => {
    const call = await form('hello')
    await call.getByLabel('Query').fill('crash')
    await call.getByRole('button', { name: 'Send the request' }).click()
    await page
      .getByRole('alert')
      .getByText(/Language Worker Process \(\d+\) exited with code 3/)
      .waitFor()
    await invocations().filter({ hasText: 'failed' }).first().waitFor()
    await page.locator('#alert:empty').waitFor({ state: 'attached' })
    await card('greet').waitFor()
    expect(await page.getByRole('status').first().innerText()).toMatch(/^Running/)
  })
})

describe('everybody', () => {
  it('can use it with the keyboard alone', async () => {
    await card('greet').waitFor()
    const focused = (): Promise<string> =>
      page.evaluate(
        "(document.activeElement.textContent || document.activeElement.id).replace(/\\s+/g, ' ').trim()",
      )
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the invocations')
    for (let n = 0; n < 20 && !(await focused()).startsWith('tick'); n++) await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    const button = functions().getByRole('button', { name: /^tick/ })
    expect(await button.getAttribute('aria-expanded')).toBe('true')
    await page.keyboard.press('Tab')
    await page.keyboard.type('{"isPastDue": true}')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Run now')
    await page.keyboard.press('Enter')
    await page.getByRole('group', { name: 'Call tick' }).getByText('past due: true').waitFor()
    expect(await focused()).toBe('Run now')
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid')
  })

  it.each<[string, 'light' | 'dark', number]>([
    ['on a desktop', 'light', 1280],
    ['in the dark', 'dark', 1280],
    ['on a phone', 'light', 360],
    ['on a phone in the dark', 'dark', 360],
  ])('can read it %s', async (where, colorScheme, width) => {
    await context.close()
    await open({ viewport: { width, height: 760 }, colorScheme })
    await card('greet').waitFor()
    for (const name of ['greet', 'hello', 'picture', 'tick', 'bus']) await form(name)
    const call = page.getByRole('group', { name: 'Call greet' })
    const long = `somebody ${where}: ${'x'.repeat(300)}`
    await call.getByLabel('Message').fill(JSON.stringify({ name: long, fail: true }))
    await call.getByRole('button', { name: 'Call without the queue' }).click()
    await invocation(`No greeting for ${long.slice(0, 100)}`)
    await queues().scrollIntoViewIfNeeded()
    await queues()
      .getByRole('button', { name: /^greetings \d/ })
      .click()
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    expect(await faintTexts(page)).toStrictEqual([])
    // Every field and button has a name, and what is to be touched is large enough (WCAG 2.2, 2.5.8).
    const faults = await page.evaluate<
      string[]
    >(`[...document.querySelectorAll('button, input, select, textarea')]
      .filter((node) => node.checkVisibility())
      .filter((node) => {
        const { width, height } = node.getBoundingClientRect()
        const named = node.labels?.length > 0 || node.textContent.trim() !== ''
        return !named || (node.type !== 'checkbox' && (width < 24 || height < 24))
      }).map((node) => node.outerHTML)`)
    expect(faults).toStrictEqual([])
    expect(complaints).toStrictEqual([])
  })

  it('asks only its own host, and storage only while the queues are in view', async () => {
    await context.close()
    await open({ viewport: { width: 360, height: 400 } })
    await card('greet').waitFor()
    const asked = (): number => requested.filter((url) => url.endsWith('/queues')).length
    // Until the functions are there, the page is short.
    const before = asked()
    await page.waitForTimeout(2500)
    expect(asked()).toBe(before)
    const asking = page.waitForResponse((response) => response.url().endsWith('/queues'))
    await page.locator('#queues').scrollIntoViewIfNeeded()
    expect((await asking).status()).toBe(200)
    await queues().getByText('greetings-poison').waitFor()
    expect([...new Set(requested.map((url) => new URL(url).origin))]).toStrictEqual([host.url])
  })

  it('is safe from what an app or a message could bring in', async () => {
    await card('greet').waitFor()
    const blocked = await page.evaluate<string[]>(`(async () => {
      const blocked = []
      document.addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective))
      await fetch('https://elsewhere.invalid/').catch(() => {})
      try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>') } catch {}
      const image = document.createElement('img')
      image.src = 'https://elsewhere.invalid/x.png'
      document.body.append(image)
      await new Promise((resolve) => setTimeout(resolve, 200))
      return blocked
    })()`)
    expect(blocked.toSorted()).toStrictEqual(['connect-src', 'img-src', 'require-trusted-types-for'])
  })
})

it('leaves a browser connections to the host when many pages are open', async () => {
  await card('greet').waitFor()
  const others: Page[] = []
  for (let n = 0; n < 3; n++) {
    const other = await context.newPage()
    await other.goto(host.url)
    await other.getByText(/^Running, func-local/).waitFor({ timeout: PATIENCE_MS })
    others.push(other)
  }
  const last = await context.newPage()
  await last.goto(host.url)
  await last.getByText('Too many pages of the console are open.').waitFor({ timeout: PATIENCE_MS })
  const timer = await form('tick')
  await timer.getByRole('button', { name: 'Run now' }).click()
  await timer.getByText('information: past due: false').waitFor()
  await others[0]?.close()
  await last.getByText(/^Running, func-local/).waitFor({ timeout: PATIENCE_MS })
})

it('says when the host has gone, and goes on when it is back', async () => {
  const own = await startHost(files.directory, { env: environment() })
  await context.close()
  await open({}, own.url)
  await card('greet').waitFor()
  await own.stop()
  await page.getByText('Trying again …').waitFor()
  const again = await startHost(files.directory, { env: environment(), port: own.port })
  await page.getByText(/^Running, func-local/).waitFor()
  // The open page does not hold up a stop.
  const begun = again.stop()
  expect(await begun).toBe(process.platform === 'win32' ? null : 0)
  expect(again.output()).not.toContain('Stopping')
})

it('with --enableAuth asks for the key, and remembers it', async () => {
  const own = await startHost(files.directory, {
    env: { ...environment(), FUNC_LOCAL_KEY: 'my-key-12345' },
    args: ['--enableAuth'],
  })
  await context.close()
  await open({}, own.url)
  await page.getByLabel('Key').fill('wrong')
  await page.getByRole('button', { name: 'Use this key' }).click()
  await page.getByLabel('Key').fill('my-key-12345')
  await page.getByRole('button', { name: 'Use this key' }).click()
  await card('greet').waitFor()
  expect(await page.getByLabel('Key').isVisible()).toBe(false)
  const timer = await form('tick')
  await timer.getByRole('button', { name: 'Run now' }).click()
  await timer.getByText('information: past due: false').waitFor()
  await page.reload()
  await card('greet').waitFor()
  await own.stop()
})

it('with --no-console a browser gets the plain page', async () => {
  const own = await startHost(files.directory, { env: environment(), args: ['--no-console'] })
  await context.close()
  await open({}, own.url)
  expect(await page.getByRole('heading').allInnerTexts()).toStrictEqual([
    'Your Functions 4.0 app is up and running',
  ])
  expect(own.output()).not.toContain('Console:')
  await own.stop()
})
