import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { startChromium } from './chromium.ts'
import { contrasts } from './contrast.ts'
import { EXACT_JSON, startLibraryApi, type LibraryApi } from './libraryApi.ts'
import { libraryDescription } from './libraryDescription.ts'

// The page in a real browser, in front of an API that records what it receives.

// Without a browser there is nothing to test, and the file fails with that as the reason.
const browser = await startChromium()

let api: LibraryApi
let context: BrowserContext
let page: Page
let complaints: string[]
let requested: string[]

beforeAll(async () => {
  api = await startLibraryApi()
})

afterAll(async () => {
  await browser.close()
  await api.stop()
}, 60_000)

beforeEach(async () => {
  complaints = []
  requested = []
  api.describe(libraryDescription)
  context = await browser.newContext({ viewport: { width: 1100, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requested.push(request.url()))
  await page.goto(`${api.url}/docs`)
  await operation('Search books').waitFor()
})

afterEach(() => context.close())

const operation = (title: string) => page.getByRole('region', { name: title, exact: true })

/** The field of an operation whose label begins with this. */
const field = (title: string, label: string) =>
  operation(title)
    .locator('form')
    .getByLabel(new RegExp(`^${label}\\b`))
    .first()

const credential = (label: string) => page.getByLabel(label, { exact: true })

/** Sends the request of an operation; returns what the page shows of the response. */
async function send(title: string): Promise<string> {
  const card = operation(title)
  await page.evaluate('for (const node of document.querySelectorAll(".result")) node.remove()')
  await card.getByRole('button', { name: 'Send' }).click()
  await card.locator('.result').waitFor()
  return card.locator('.result').innerText()
}

const received = () => api.requests.at(-1)

async function curlOf(title: string): Promise<string> {
  const details = operation(title).locator('details', { hasText: 'The request as a curl command' })
  if ((await details.getAttribute('open')) === null) await details.locator('summary').click()
  return details.locator('pre').innerText()
}

/** Opens this part of an operation, and waits for what is built only then. */
async function open(title: string, summary: string) {
  const part = operation(title)
    .locator('details', { has: page.getByText(summary, { exact: true }) })
    .last()
  await part.locator('summary').first().click()
  await part.locator(':scope > :not(summary)').first().waitFor()
  return part
}

/** Opens everything that can be opened, also what is built only then: when that is there, nothing is left to open. */
const openAll = () =>
  page.evaluate(`(async () => {
    const unfinished = () =>
      [...document.querySelectorAll('details')].filter((node) => !node.open || node.childNodes.length < 2)
    for (let nodes, round = 0; (nodes = unfinished()).length > 0; round++) {
      if (round === 500) throw new Error('Nothing is in: ' + nodes.map((node) => node.innerText).join(', '))
      for (const node of nodes) node.open = true
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()`)

describe('reading a description', () => {
  it('shows every operation once, under its first tag, and requests only the page and the description', async () => {
    expect(await page.locator('nav a').allInnerTexts()).toStrictEqual([
      ...['Search books', 'Add a book', 'Get a book', 'Remove a book', 'Check a book', 'Lend a book'],
      ...['List places', 'Get a cover', 'Upload a cover', 'Replace a cover', 'Follow events'],
      ...['A faulty operation', 'Trace events', 'GET /statistics'],
    ])
    expect(await page.locator('h2').allInnerTexts()).toStrictEqual(['Books', 'Loans', 'Other'])
    expect(requested.map((url) => new URL(url).pathname)).toStrictEqual(['/docs', '/openapi.json'])
    expect(complaints).toStrictEqual([])
    expect(await page.title()).toBe('Lending library')
    // What is inside is built when it is opened, so that a large description stays fast.
    expect(await page.locator('.response').count()).toBe(0)
  })

  it('shows Markdown as elements, HTML as text, and no link that could run a script', async () => {
    const about = page.locator('#about')
    expect(await about.locator('strong').innerText()).toBe('loans')
    expect(await about.locator('em').innerText()).toBe('searched')
    expect(await about.locator('li').count()).toBe(2)
    expect(await about.locator('pre').innerText()).toBe('code block')
    expect(await about.locator('a').allInnerTexts()).toStrictEqual(['the rules'])
    expect(await about.locator('img').count()).toBe(0)
    expect(await about.innerText()).toContain('<img src=x onerror="document.title=2">')
  })

  it('shows the fields of nested objects, arrays of objects, alternatives and maps', async () => {
    const fields = await (await open('Add a book', 'Fields and examples')).innerText()
    const lines = fields.split('\n').map((line) => line.trim())
    for (const line of [
      'title string, 1 to 200 characters',
      'id integer, optional, only in responses',
      'isbn string, matches ^[0-9-]+$',
      'authors array of Person, at least 1 items',
      'name string',
      'born string (date), optional, deprecated',
      'publisher object, optional',
      'city string or null, optional',
      'medium object or object, optional',
      'sequels array of Book, optional',
      'Paper',
      'kind "paper", optional',
      'Audio',
      'minutes number, more than 0, optional',
      'any other name string, at most 10 characters',
    ]) {
      expect(lines).toContain(line)
    }
    // A book's sequels are books: this is said, and not followed for ever.
    expect(lines).toContain('As Book above.')
  })

  it('makes an example of a body from its schema', async () => {
    const body = JSON.parse(await field('Add a book', 'Body').inputValue()) as unknown
    expect(body).toStrictEqual({
      title: 'text',
      isbn: 'text',
      authors: [{ name: 'Ada Lovelace', born: '2026-01-02' }],
      publisher: { name: 'text', address: { city: 'text' } },
      medium: { kind: 'paper', pages: 1 },
      sequels: [],
      labels: { name: 'text' },
    })
  })

  it('shows every response, its headers and its examples', async () => {
    await operation('List places').getByText('Responses', { exact: true }).click()
    await operation('List places').locator('.response summary').click()
    expect(await operation('List places').locator('.response pre').innerText()).toBe('a,b\n1,2')
    await operation('Add a book').getByText('Responses', { exact: true }).click()
    await operation('Add a book').locator('.response summary').click()
    await operation('Add a book').getByText('Location string (uri-reference)').waitFor()
  })

  it('shows the rest when a part is faulty, and says what is wrong', async () => {
    expect(await page.getByRole('alert').innerText()).toMatch(
      /^A faulty operation: its description is not valid/,
    )
    await operation('GET /statistics').getByText('Responses', { exact: true }).click()
    await operation('GET /statistics').getByText('is not in this description.').waitFor()
    await operation('GET /statistics').getByText('Faulty.').click()
    await operation('GET /statistics').getByText('This part: its description is not valid').waitFor()
  })

  it('marks what is deprecated, and offers no form for what a page cannot send', async () => {
    expect(await operation('Remove a book').locator('.title').innerText()).toContain('deprecated')
    expect(await operation('Trace events').locator('form').count()).toBe(0)
    expect(await operation('Trace events').innerText()).toContain('A page cannot send TRACE requests.')
  })

  it.each([
    ['beside the page', '/docs', '/openapi.json'],
    ['beside a page whose path ends in a slash', '/docs/', '/openapi.json'],
    ['in the folder of the page', '/site/', '/site/openapi.json'],
  ])('finds a description %s', async (_, at, descriptionAt) => {
    api.describe(libraryDescription, descriptionAt)
    await page.goto(`${api.url}${at}`)
    await operation('Search books').waitFor()
    expect(await page.locator('#source').getAttribute('href')).toBe(`${api.url}${descriptionAt}`)
  })

  it('needs no more than OpenAPI requires', async () => {
    api.describe({ openapi: '3.1.0', info: { title: 'Small', version: '1' }, paths: { '/x': { get: {} } } })
    await page.reload()
    await operation('GET /x').waitFor()
    expect(await page.locator('h2').allInnerTexts()).toStrictEqual(['Operations'])
    expect(await page.locator('#credentials').isVisible()).toBe(false)
    expect(await page.locator('#servers').isVisible()).toBe(false)
    expect(await curlOf('GET /x')).toBe(`curl -i -X GET '${api.url}/x'`)
    expect(await (await open('GET /x', 'Responses')).innerText()).toContain('No response is described.')
    expect(complaints).toStrictEqual([])
  })

  it.each([
    ['is not JSON', '<html>', /could not be read: .*JSON/],
    ['is of another version', { swagger: '2.0', info: {}, paths: {} }, /it is not an OpenAPI 3 description/],
    ['has no operations', { openapi: '3.1.0', info: { title: 'None', version: '1' } }, /has no operations/],
  ])('says so when the description %s', async (_, description, text) => {
    api.describe(description)
    await page.reload()
    await page.locator('#operations p').waitFor()
    expect(await page.locator('#operations').innerText()).toMatch(text)
  })

  it('says so when there is no description', async () => {
    api.describe({}, '/elsewhere')
    await page.reload()
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').innerText()).toContain('the response was 404')
  })
})

describe('the look', () => {
  it.each([320, 360, 768])('fits a screen %d pixels wide', async (width) => {
    await page.setViewportSize({ width, height: 700 })
    await openAll()
    const size = await page.evaluate<{ scroll: number; client: number }>(
      '({ scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth })',
    )
    expect(size).toStrictEqual({ scroll: width, client: width })
  })

  it.each(['light', 'dark'] as const)('has readable text in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    await send('Get a cover')
    await openAll()
    const texts = await contrasts(page)
    expect(texts.length).toBeGreaterThan(200)
    // WCAG 2.2, 1.4.3
    expect(texts.filter(({ ratio }) => ratio < 4.5)).toStrictEqual([])
  })

  it('names every control for assistive technology', async () => {
    await openAll()
    const snapshot = await page.locator('body').ariaSnapshot()
    expect(snapshot).toMatch(/- textbox "genre/)
    expect(snapshot).not.toMatch(/- (textbox|button|combobox|link|region)( \[[^\]]*\])*:?$/m)
  })

  it('works by keyboard alone', async () => {
    const press = async (key: string, until: string, limit = 60) => {
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
    await press('Tab', 'Library key')
    await page.keyboard.type('k-1')
    await press('Tab', 'lent')
    await page.keyboard.type('true')
    await press('Tab', 'Send')
    await page.keyboard.press('Enter')
    await operation('Search books').locator('.result').waitFor()
    expect(received()).toMatchObject({ url: '/v1/books?lent=true', headers: { 'x-library-key': 'k-1' } })
    expect(await page.evaluate<boolean>('document.activeElement.matches(":focus-visible")')).toBe(true)
  })
})

describe('sending a request', () => {
  it('writes query, header and cookie parameters in the styles that are described', async () => {
    const title = 'Search books'
    await credential('Library key').fill('k 1')
    await field(title, 'genre').fill('a novel\nsci&fi')
    await field(title, 'shelf').fill('1\n2')
    await field(title, 'published').fill('{"from":1815,"to":1852}')
    await field(title, 'where').fill('{"a":[1]}')
    await field(title, 'X-Trace').fill('a\nb')
    await field(title, 'theme').fill('dark')
    await field(title, 'X-Request-Id').fill('r-1')
    await send(title)
    expect(received()).toMatchObject({
      method: 'GET',
      url:
        '/v1/books?genre=a%20novel&genre=sci%26fi&shelf=1%7C2&published%5Bfrom%5D=1815&published%5Bto%5D=1852' +
        '&where=%7B%22a%22%3A%5B1%5D%7D',
      headers: { 'x-trace': 'a,b', 'x-request-id': 'r-1', 'x-library-key': 'k 1' },
    })
    expect(received()?.headers).not.toHaveProperty('cookie')
    expect(await curlOf(title)).toContain(`-b 'theme=dark'`)
    // A header parameter of this name does not count (OpenAPI 3.1): the security requirement describes it.
    expect(await operation(title).getByLabel('Authorization').count()).toBe(0)
  })

  it('writes path parameters in the styles that are described', async () => {
    await field('List places', 'range').fill('a/b\nc')
    await field('List places', 'row').fill('{"x":1}')
    expect(await send('List places')).toContain('ä,b')
    expect(received()?.url).toBe('/v1/places;range=a%2Fb;range=c/.x,1')
  })

  it('refuses a path that a browser would change', async () => {
    const before = api.requests.length
    for (const isbn of ['.', '..']) {
      await field('Get a book', 'isbn').fill(isbn)
      expect(await send('Get a book')).toBe(
        'This request cannot be sent from a page: a browser removes the path segments . and ...',
      )
    }
    expect(api.requests.length).toBe(before)
    await field('Get a book', 'isbn').fill('%2e')
    await send('Get a book')
    expect(received()?.url).toBe('/v1/books/%252e')
  })

  it('refuses a header that no request can have', async () => {
    await field('Search books', 'X-Request-Id').fill('日本')
    expect(await send('Search books')).toMatch(/^This request cannot be sent from a page/)
  })

  it('sends no request while a required parameter is empty, or an object is none', async () => {
    const before = api.requests.length
    await operation('Get a book').getByRole('button', { name: 'Send' }).click()
    await field('Search books', 'published').fill('[1]')
    await operation('Search books').getByRole('button', { name: 'Send' }).click()
    expect(await operation('Get a book').locator('input:invalid').count()).toBe(1)
    expect(await operation('Search books').locator('textarea:invalid').count()).toBe(1)
    expect(api.requests.length).toBe(before)
  })

  it('sends a body exactly as it is typed, and fills in what the response links to', async () => {
    const text = '{"isbn":"1-2",  "authors":[{"name":"Ada"}],"title":"é"}'
    await field('Add a book', 'Body').fill(text)
    const shown = await send('Add a book')
    expect(shown).toMatch(/^201 Created/)
    expect(shown).toMatch(/Next: Get a book\s+Next: Lend a book/)
    expect(received()).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(text).toString('latin1'),
    })
    expect(await field('Get a book', 'isbn').inputValue()).toBe('1-2')
    expect(await field('Lend a book', 'isbn').inputValue()).toBe('1-2')
    expect(await field('Lend a book', 'X-Request-Id').inputValue()).toBe('from-the-server')

    // What somebody typed stays.
    await field('Get a book', 'isbn').fill('mine')
    await send('Add a book')
    expect(await field('Get a book', 'isbn').inputValue()).toBe('mine')
  })

  it('sends a form, another type of body when that is chosen, and no body where none is needed', async () => {
    const title = 'Lend a book'
    await field(title, 'isbn').fill('1')
    await field(title, 'reader').fill('Ada & Bob')
    await field(title, 'notes').fill('x\ny')
    await send(title)
    expect(received()).toMatchObject({
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'reader=Ada%20%26%20Bob&notes=x&notes=y',
    })
    await field(title, 'Content type').selectOption('text/plain')
    expect(await field(title, 'Body').inputValue()).toBe('Ada Lovelace')
    await send(title)
    expect(received()).toMatchObject({ headers: { 'content-type': 'text/plain' }, body: 'Ada Lovelace' })
    await field(title, 'Body').fill('')
    await send(title)
    expect(received()).toMatchObject({ body: '' })
    expect(received()?.headers).not.toHaveProperty('content-type')
  })

  it('sends files, alone and in a form', async () => {
    const file = { name: 'cover.png', mimeType: 'image/png', buffer: Buffer.from([0, 255, 1]) }
    await field('Replace a cover', 'Body').setInputFiles(file)
    expect(await send('Replace a cover')).toMatch(/^204 No Content.*Replaced\.\s+No body\./s)
    expect(received()).toMatchObject({ headers: { 'content-type': 'image/png' }, body: '\x00\xff\x01' })
    expect(await curlOf('Replace a cover')).toContain(`--data-binary '@cover.png'`)

    await field('Upload a cover', 'title').fill('@home')
    await field('Upload a cover', 'size').fill('{"width":2}')
    await field('Upload a cover', 'picture').setInputFiles(file)
    await send('Upload a cover')
    expect(received()?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/)
    expect(received()?.body).toMatch(/name="title"\r\n\r\n@home\r\n/)
    expect(received()?.body).toMatch(/name="size"\r\n\r\n\{"width":2\}\r\n/)
    expect(received()?.body).toMatch(/name="picture"; filename="cover\.png"/)
    expect(await curlOf('Upload a cover')).toContain(`--form-string 'title=@home'`)
  })

  it('goes to the server that is chosen, with its variables', async () => {
    await page.getByLabel('Server', { exact: true }).selectOption('1')
    await page.getByLabel(/^stage/).fill('next')
    await field('Get a book', 'isbn').fill('1')
    await send('Get a book')
    expect(received()?.url).toBe('/next/v1/books/1')
  })

  it('asks for the media type that is typed', async () => {
    await field('List places', 'range').fill('a')
    await field('List places', 'row').fill('{"x":1}')
    await field('List places', 'Accept').fill('application/xml')
    expect(await send('List places')).toMatch(/^200 OK/)
    expect(received()?.headers.accept).toBe('application/xml')
  })

  it('can be cancelled, and shows what came until then', async () => {
    const card = operation('Follow events')
    await card.getByRole('button', { name: 'Send' }).click()
    await card.getByText('13 bytes received').waitFor()
    await card.getByRole('button', { name: 'Cancel' }).click()
    await card.locator('.result').waitFor()
    const shown = await card.locator('.result').innerText()
    expect(shown).toContain('data: first')
    expect(shown).toContain('It was cancelled here.')
    expect(await card.getByRole('button', { name: 'Cancel' }).isVisible()).toBe(false)
  })

  it('says that the outcome is unknown when there is no response', async () => {
    await page.route('**/v1/covers', (route) => route.abort())
    expect(await send('Get a cover')).toMatch(/^No response\. Whether the request arrived is not known/)
  })
})

describe('a response', () => {
  it('is shown with every number, key and text as it came', async () => {
    await credential('Library key').fill('k')
    await send('Search books')
    const body = await operation('Search books').getByRole('region', { name: 'Response body' }).innerText()
    expect(body.replaceAll(/\n */g, '').replaceAll('": ', '":')).toBe(EXACT_JSON)
    expect(body.split('\n')).toContain('  "id": 12345678901234567890,')
  })

  it('is explained by what is described for its status, or for all of its class', async () => {
    expect(await send('Search books')).toMatch(/^401 Unauthorized.*The search is not valid\./s)
  })

  it('to HEAD has its headers, and no body', async () => {
    await field('Check a book', 'isbn').fill('1')
    const shown = await send('Check a book')
    expect(shown).toMatch(/^200 OK.*There is such a book\.\s+No body\./s)
    await operation('Check a book').getByText('Response headers').click()
    expect(await operation('Check a book').locator('.headers').innerText()).toMatch(/x-copies\s+3/)
    expect(received()?.method).toBe('HEAD')
    expect(await curlOf('Check a book')).toMatch(/^curl -i -I '/)
  })

  it('is text, never HTML', async () => {
    await field('Get a book', 'isbn').fill('1')
    expect(await send('Get a book')).toContain('<img src=x onerror=alert(1)>')
    expect(await page.locator('.result img').count()).toBe(0)
  })

  it('that is no text can be saved', async () => {
    expect(await send('Get a cover')).toContain('8 bytes of image/png.')
    const download = page.waitForEvent('download')
    await operation('Get a cover').getByText('Save the body').click()
    expect(await (await download).failure()).toBeNull()
    expect(complaints).toStrictEqual([])
  })

  it('after a redirect says where it came from', async () => {
    expect(await send('GET /statistics')).toContain(`After a redirect to ${api.url}/v1/books/1`)
  })
})

describe('credentials', () => {
  it('go only with operations that need them, in the way of their scheme', async () => {
    await credential('Library key').fill('k')
    await credential('Staff').fill('token')
    await credential('Desk').fill('ada:pässword')
    await field('Remove a book', 'isbn').fill('1')
    await send('Remove a book')
    expect(received()?.headers).toMatchObject({ 'x-library-key': 'k', authorization: 'Bearer token' })

    await field('Lend a book', 'isbn').fill('1')
    await field('Lend a book', 'reader').fill('x')
    await send('Lend a book')
    const basic = Buffer.from('ada:pässword').toString('base64')
    expect(received()?.headers).toMatchObject({ authorization: `Basic ${basic}` })
    expect(received()?.headers).not.toHaveProperty('x-library-key')

    await send('Get a cover')
    expect(received()?.headers).not.toHaveProperty('authorization')
    expect(received()?.headers).not.toHaveProperty('x-library-key')
  })

  it('of an alternative scheme are used when those of the first are not there', async () => {
    await credential('Key in query').fill('a&b')
    await send('Search books')
    expect(received()?.url).toBe('/v1/books?key=a%26b')
  })

  it('in a cookie are left to the browser, which sends them only where they are described', async () => {
    await context.addCookies([{ name: 'visit', value: '1', url: api.url }])
    await send('Get a cover')
    expect(received()?.headers.cookie).toBe('visit=1')
    await field('Get a book', 'isbn').fill('1')
    await send('Get a book')
    expect(received()?.headers).not.toHaveProperty('cookie')
  })

  it('stay in this tab: a reload keeps them, another tab has none, and forgotten they are gone', async () => {
    await credential('Library key').fill('k')
    await page.reload()
    expect(await credential('Library key').inputValue()).toBe('k')
    expect(await page.evaluate<number>('localStorage.length')).toBe(0)
    expect(await context.cookies()).toStrictEqual([])

    const other = await context.newPage()
    await other.goto(`${api.url}/docs`)
    expect(await other.getByLabel('Library key', { exact: true }).inputValue()).toBe('')

    await page.getByRole('button', { name: 'Forget Library key' }).click()
    expect(await page.evaluate<number>('sessionStorage.length')).toBe(0)
  })

  it('are hidden until somebody asks to see them, and are not in the curl command', async () => {
    const key = credential('Library key')
    await key.fill('secret-key')
    expect(await key.getAttribute('type')).toBe('password')
    await page.getByRole('button', { name: 'Show Library key' }).click()
    expect(await key.getAttribute('type')).toBe('text')

    await field('Add a book', 'Body').fill(`{"title":"it's"}`)
    expect(await curlOf('Add a book')).toBe(
      [
        `curl -i -X POST '${api.url}/v1/books'`,
        `-H 'Content-Type: application/json'`,
        `-H "X-Library-Key: $LIBRARY_KEY"`,
        `--data-raw '{"title":"it'\\''s"}'`,
      ].join(' \\\n  '),
    )
    await field('Lend a book', 'isbn').fill('1')
    expect(await curlOf('Lend a book')).toContain('-u "$DESK"')
  })
})

it('works under a policy that lets nothing else run or load', async () => {
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
  expect(await page.title()).toBe('Lending library')
})
