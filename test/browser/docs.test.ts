import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals'
import { randomUUID } from 'node:crypto'
import type { BrowserContext, Page } from 'playwright-core'
import { startAzurite, type Azurite } from 'testkit/azurite'
import openapi from '../../src/http/openapi.json' with { type: 'json' }
import { unpackedApp } from 'testkit/unpackedApp'
import { startChromium } from 'testkit/chromium'
import { startHost, type TestHost } from 'testkit/hostProcess'

// /api/docs in a real browser, served by the built app on a host that asks for keys.

const KEY = 'a-key-for_this-test'

const OPERATIONS: readonly { readonly summary: string }[] = Object.values(openapi.paths).flatMap((item) =>
  Object.values<{ readonly summary: string }>(item),
)

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
  context = await browser.newContext({ viewport: { width: 1100, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(`${host.url}/api/docs`)
  await operation('Place an order').waitFor()
})

afterEach(() => context.close())

const operation = (summary: string) => page.getByRole('region', { name: summary, exact: true })

async function send(summary: string): Promise<string> {
  const answered = page.waitForResponse((response) => response.request().resourceType() === 'fetch')
  await operation(summary).getByRole('button', { name: 'Send' }).click()
  const status = (await answered).status()
  const answer = operation(summary).locator('.answer')
  await answer.locator('.status', { hasText: String(status) }).waitFor()
  return answer.innerText()
}

const giveKey = (key: string) => page.getByLabel('Function key').fill(key)

const errors = () => complaints.filter((text) => !/Failed to load resource: .* (401|404|422)/.test(text))

describe('the page', () => {
  it('shows every operation, and asks nobody but this service for anything', async () => {
    for (const { summary } of OPERATIONS) {
      expect(await operation(summary).isVisible()).toBe(true)
      expect(await page.getByRole('link', { name: summary, exact: true }).isVisible()).toBe(true)
    }
    expect(new Set(requested.map((url) => new URL(url).origin))).toStrictEqual(new Set([host.url]))
    expect(requested.map((url) => new URL(url).pathname)).toStrictEqual(['/api/docs', '/api/openapi.json'])
    expect(complaints).toStrictEqual([])
  })

  it('describes the fields of an order, and every answer', async () => {
    const card = operation('Place an order')
    await card.getByText('Fields and examples').click()
    const fields = await card.locator('form dl').innerText()
    expect(fields).toMatch(/id string, optional/)
    expect(fields).toMatch(/item string\n/)
    expect(fields).toMatch(/quantity integer, 1 to 1000, default 1, optional/)

    await card.getByText('Answers', { exact: true }).click()
    for (const status of Object.keys(openapi.paths['/order'].post.responses)) {
      expect(await card.locator('.response strong', { hasText: status }).isVisible()).toBe(true)
    }
    await card.locator('.response strong', { hasText: '409' }).click()
    expect(await card.getByText('"urn:orders:problem:order-conflict"').first().isVisible()).toBe(true)
  })

  it.each([320, 360, 768])('fits a screen %d pixels wide', async (width) => {
    await page.setViewportSize({ width, height: 700 })
    await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true')
    const size = await page.evaluate<{ scroll: number; client: number }>(
      '({ scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth })',
    )
    expect(size).toStrictEqual({ scroll: width, client: width })
  })

  it.each(['light', 'dark'] as const)('has readable text in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    await send('Greet')
    const contrasts = await page.evaluate<{ text: string; ratio: number }[]>(CONTRASTS)
    expect(contrasts.length).toBeGreaterThan(20)
    // WCAG 2.2, 1.4.3
    expect(contrasts.filter(({ ratio }) => ratio < 4.5)).toStrictEqual([])
  })

  it('names every control for those who do not see it', async () => {
    const snapshot = await page.locator('body').ariaSnapshot()
    expect(snapshot).not.toMatch(/- (textbox|button|combobox|link|region)( \[[^\]]*\])*:?$/m)
  })
})

describe('trying the API', () => {
  it('without a key tells what is wrong', async () => {
    const answer = await send('Place an order')
    expect(answer).toMatch(/^401 Unauthorized/)
    expect(answer).toContain('There is no key, or a wrong one.')
    expect(answer).toContain('No body.')
    expect(errors()).toStrictEqual([])
  })

  it('with a key places an order, shows its record, and looks it up', async () => {
    await giveKey(KEY)
    const id = `docs-${randomUUID()}`
    const card = operation('Place an order')
    await card
      .getByLabel('Body', { exact: true })
      .fill(JSON.stringify({ id, item: 'blue widget', quantity: 3 }))
    const answer = await send('Place an order')
    expect(answer).toMatch(/^200 OK/)
    expect(answer).toContain('"message": "Order for blue widget processed!"')

    expect(await operation('Look an order up').getByLabel('id').inputValue()).toBe(id)
    const found = await send('Look an order up')
    expect(found).toMatch(/^200 OK/)
    expect(found).toContain(`"id": "${id}"`)
    await operation('Look an order up').getByText('Headers of the answer').click()
    expect(await operation('Look an order up').locator('.headers').innerText()).toMatch(
      /cache-control\s+no-store/,
    )
    expect(complaints).toStrictEqual([])
  })

  it('accepts an order, with the headers that are typed', async () => {
    await giveKey(KEY)
    const id = `docs-${randomUUID()}`
    const card = operation('Place an order')
    await card.getByLabel('Idempotency-Key').fill(id)
    await card.getByLabel('Prefer').fill('respond-async')
    const answer = await send('Place an order')
    expect(answer).toMatch(/^202 Accepted/)
    expect(answer).toContain(`"id": "${id}"`)
  })

  it('shows the faults of an order', async () => {
    await giveKey(KEY)
    await operation('Place an order')
      .getByLabel('Body', { exact: true })
      .fill('{"item":"<b>bold</b>","quantity":0}')
    const answer = await send('Place an order')
    expect(answer).toMatch(/^422/)
    expect(answer).toContain('"pointer": "/quantity"')
    expect(errors()).toStrictEqual([])
  })

  it('shows what a client wrote as text, and nothing else', async () => {
    await giveKey(KEY)
    const item = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    await operation('Place an order').getByLabel('Body', { exact: true }).fill(JSON.stringify({ item }))
    expect(await send('Place an order')).toContain(JSON.stringify(item))
    expect(await page.locator('.answer img, .answer script').count()).toBe(0)
    expect(await page.title()).toBe('Order service API')
  })

  it('puts an example into the body', async () => {
    const card = operation('Place an order')
    await card.getByText('Fields and examples').click()
    await card.getByLabel('Put an example into the body').selectOption({ label: 'Every field' })
    expect(JSON.parse(await card.getByLabel('Body', { exact: true }).inputValue())).toStrictEqual({
      id: 'order-1',
      item: 'blue widget',
      quantity: 3,
    })
  })

  it('shows the request for curl, without the key', async () => {
    await giveKey(KEY)
    const card = operation('Place an order')
    await card.getByLabel('Body', { exact: true }).fill(`{"item":"it's"}`)
    await card.getByText('The request for curl').click()
    const curl = await card.locator('pre').filter({ hasText: 'curl' }).innerText()
    expect(curl).toBe(
      [
        `curl -i -X POST '${host.url}/api/order'`,
        `-H 'Content-Type: application/json'`,
        `-H "x-functions-key: $KEY"`,
        `--data-binary '{"item":"it'\\''s"}'`,
      ].join(' \\\n  '),
    )
  })

  it('works by keyboard alone', async () => {
    const press = async (key: string, until: string, limit = 40) => {
      for (let i = 0; i < limit; i++) {
        await page.keyboard.press(key)
        const focused = await page.evaluate<string>(
          `(() => { const e = document.activeElement; return (e.labels?.[0]?.innerText ?? e.innerText).trim() })()`,
        )
        if (focused.startsWith(until)) return
      }
      throw new Error(`${key} never came to ${until}`)
    }
    await press('Tab', 'Skip to the operations', 1)
    await press('Tab', 'Function key')
    await page.keyboard.type(KEY)
    await press('Tab', 'Body')
    await page.keyboard.press('Control+A')
    await page.keyboard.type('{"item":"keyboard"}')
    await press('Tab', 'Send')
    await page.keyboard.press('Enter')
    const answer = operation('Place an order').locator('.answer')
    await answer.getByText('"message": "Order for keyboard processed!"').waitFor()
    expect(await page.evaluate<boolean>('document.activeElement.matches(":focus-visible") && true')).toBe(
      true,
    )
  })
})

describe('the key', () => {
  it('stays in this tab: after a reload it is there, in another tab it is not, and forgotten it is gone', async () => {
    await giveKey(KEY)
    await page.reload()
    expect(await page.getByLabel('Function key').inputValue()).toBe(KEY)
    expect(await page.evaluate<number>('localStorage.length')).toBe(0)
    expect(await context.cookies()).toStrictEqual([])

    const other = await context.newPage()
    await other.goto(`${host.url}/api/docs`)
    expect(await other.getByLabel('Function key').inputValue()).toBe('')

    await page.getByRole('button', { name: 'Forget' }).click()
    expect(await page.evaluate<number>('sessionStorage.length')).toBe(0)
  })

  it('is shown only when asked for, and never sent where none is needed', async () => {
    await giveKey(KEY)
    expect(await page.getByLabel('Function key').getAttribute('type')).toBe('password')
    await page.getByRole('button', { name: 'Show' }).click()
    expect(await page.getByLabel('Function key').getAttribute('type')).toBe('text')

    const greeting = page.waitForRequest(/\/api\/hello/)
    await send('Greet')
    expect((await greeting).headers()).not.toHaveProperty('x-functions-key')
    expect(requested.join(' ')).not.toContain(KEY)
  })
})

test('the policy of the page keeps others out', async () => {
  const blocked = await page.evaluate<string[]>(`(async () => {
    const blocked = []
    document.addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective))
    await fetch('https://elsewhere.invalid/').catch(() => {})
    const script = document.createElement('script')
    script.textContent = 'document.title = "injected"'
    document.body.append(script)
    const image = document.createElement('img')
    image.src = 'https://elsewhere.invalid/x.png'
    document.body.append(image)
    await new Promise((resolve) => setTimeout(resolve, 200))
    return blocked
  })()`)
  expect(blocked.toSorted()).toStrictEqual(['connect-src', 'img-src', 'script-src-elem'])
  expect(await page.title()).toBe('Order service API')
})

/** In the page: each text that is seen, with the contrast to what is behind it (WCAG 2.2, "contrast ratio"). */
const CONTRASTS = `(() => {
  const channels = (color) => {
    const [r, g, b, a = 1] = color.match(/[\\d.]+/g).map(Number)
    return { rgb: [r, g, b], a }
  }
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const { rgb, a } = channels(getComputedStyle(at).backgroundColor)
      if (a === 1) return rgb
    }
    return [255, 255, 255]
  }
  return [...document.querySelectorAll('body *')]
    .filter((node) => node.checkVisibility() && [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
    .map((node) => {
      const [light, dark] = [luminance(channels(getComputedStyle(node).color).rgb), luminance(behind(node))]
        .sort((a, b) => b - a)
      return { text: node.textContent.trim().slice(0, 40), ratio: (light + 0.05) / (dark + 0.05) }
    })
})()`
