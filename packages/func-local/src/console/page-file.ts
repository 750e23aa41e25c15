import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** The page and the headers that it is sent with. */
export interface Page {
  readonly content: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** Reads the page: installed it is there as one file, in development it is made of its sources. */
export async function readPage(): Promise<Page> {
  const isSource = import.meta.url.endsWith('.ts')
  const text = isSource ? await made() : await readFile(new URL('./console.html', import.meta.url), 'utf8')
  const content = Buffer.from(text)
  return {
    content,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': String(content.length),
      'Content-Security-Policy': policyOf(text),
      'Cache-Control': 'no-store',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      Vary: 'Accept',
    },
  }
}

async function made(): Promise<string> {
  // Not a literal, so that no bundler follows it.
  const script = new URL('../../build-console.js', import.meta.url).href
  const { buildConsole } = (await import(script)) as { buildConsole: () => Promise<string> }
  return await buildConsole()
}

/**
 * Lets the page's own style and script run, and nothing else; text never becomes HTML (Trusted Types):
 * https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/
 */
export function policyOf(page: string): string {
  const hash = (tag: string): string => {
    const [, content = ''] = new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 's').exec(page) ?? []
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  }
  return [
    "default-src 'none'",
    `style-src ${hash('style')}`,
    `script-src ${hash('script')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
}
