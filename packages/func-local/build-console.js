/*
 * Makes the console's page of its sources in `src/console/page/`: one file that needs no other.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath, URL } from 'node:url'
import { build, transform } from 'esbuild'

const sources = new URL('./src/console/page/', import.meta.url)

/** The page, with its style and its script in it. */
export async function buildConsole() {
  const read = (name) => readFile(new URL(name, sources), 'utf8')
  const [page, css, bundle] = await Promise.all([
    read('page.html'),
    read('style.css'),
    build({
      entryPoints: [fileURLToPath(new URL('main.ts', sources))],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2022',
      minify: true,
      charset: 'utf8',
      logLevel: 'warning',
    }),
  ])
  const style = await transform(css, { loader: 'css', minify: true })
  // An end tag within the script would end it: esbuild writes it as `<\/script`.
  const script = bundle.outputFiles[0].text.trim()
  return page
    .replace('<style></style>', () => `<style>${style.code.trim()}</style>`)
    .replace('<script></script>', () => `<script>${script}</script>`)
}
