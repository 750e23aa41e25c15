import { createHash } from 'node:crypto'

/**
 * The policy of a page that holds its own styles and scripts: those run, and no others; it may ask its own origin, and
 * nobody else; no form leaves it, and no page frames it.
 * https://www.w3.org/TR/CSP3/#grammardef-hash-source
 */
export function contentSecurityPolicy(page: string): string {
  const hashes = (tag: 'style' | 'script') =>
    [...page.matchAll(new RegExp(`(?<=<${tag}[^>]*>).*?(?=</${tag}>)`, 'gs'))].map(
      ([content]) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`,
    )
  return [
    "default-src 'none'",
    `style-src ${hashes('style').join(' ')}`,
    `script-src ${hashes('script').join(' ')}`,
    "connect-src 'self'",
    // The empty icon.
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}
