import { existsSync } from 'node:fs'
import { chromium, type Browser } from 'playwright-core'

/** Where Chromium, or a browser of its family, usually is. */
const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/microsoft-edge',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe',
]

/**
 * Starts a headless Chromium: the one that `CHROMIUM_PATH` names, else one from the usual places.
 *
 * @throws Error when there is none
 */
export async function startChromium(): Promise<Browser> {
  const named = process.env['CHROMIUM_PATH']
  const executablePath = (named === undefined ? USUAL_PLACES : [named]).find((place) => existsSync(place))
  if (executablePath === undefined) {
    throw new Error(
      named === undefined
        ? 'There is no Chromium here. Install one (Debian: apt-get install chromium), or set CHROMIUM_PATH to it.'
        : `There is no Chromium at ${named}, which CHROMIUM_PATH names.`,
    )
  }
  return chromium.launch({
    executablePath,
    args: [
      // Chromium refuses its sandbox to root, who runs the tests in a container. All it opens is this app's page.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
