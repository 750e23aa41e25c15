import { describe, expect, it } from '@jest/globals'
import { HttpRequest, InvocationContext } from '@azure/functions'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { contentSecurityPolicy } from '../../../src/http/contentSecurityPolicy.ts'
import { docsHandler } from '../../../src/functions/docs.ts'
import { openApiHandler } from '../../../src/functions/openapi.ts'
import openapi from '../../../src/http/openapi.json' with { type: 'json' }

const get = (path: string) => new HttpRequest({ method: 'GET', url: `http://localhost/api/${path}` })

describe('openapi', () => {
  it('returns the description', async () => {
    const answer = await openApiHandler(get('openapi.json'), new InvocationContext())
    expect(answer).toMatchObject({ jsonBody: openapi, headers: { 'x-content-type-options': 'nosniff' } })
  })
})

describe('docs', () => {
  it('returns the page unchanged', async () => {
    const answer = await docsHandler(get('docs'), new InvocationContext())
    const source = await readFile(new URL('../../../packages/api-page/page.html', import.meta.url), 'utf8')
    expect(answer).toMatchObject({
      body: source,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy(source),
        // The address of the page, which may hold a key, goes nowhere.
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      },
    })
  })

  it('allows only its own style and script', () => {
    const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
    const policy = contentSecurityPolicy(
      '<style>a{}</style><style media="print">b{}</style><script type="module">\n1 > 0\n</script><script>2</script>',
    )
    expect(policy.split('; ')).toStrictEqual([
      "default-src 'none'",
      `style-src ${sha256('a{}')} ${sha256('b{}')}`,
      `script-src ${sha256('\n1 > 0\n')} ${sha256('2')}`,
      "connect-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
  })

  it('has no inline styles and event handlers, which the policy would block', async () => {
    const page = await readFile(new URL('../../../packages/api-page/page.html', import.meta.url), 'utf8')
    const markup = page.replaceAll(/<(style|script)[^>]*>.*?<\/\1>/gs, '')
    expect(markup).not.toMatch(/ (style|on[a-z]+)=/)
    expect(markup).not.toMatch(/https?:/)
  })
})
