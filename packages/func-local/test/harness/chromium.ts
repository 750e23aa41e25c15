import { existsSync } from 'node:fs'
import { chromium, type Browser, type Page } from 'playwright-core'

/** Where Chromium, or a browser of its family, usually is. */
const USUAL_PLACES = [
  ...['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/microsoft-edge'],
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
  if (executablePath === undefined)
    throw new Error('There is no Chromium here. Install one, or set CHROMIUM_PATH to it.')
  // Chromium refuses its sandbox to root, who runs the tests in a container. All it opens is the console.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return await chromium.launch({
    executablePath,
    args: [...sandbox, '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  })
}

/** The visible texts of a page whose contrast to what is behind them is below 4.5 (WCAG 2.2, 1.4.3). */
export async function faintTexts(page: Page): Promise<readonly string[]> {
  return await page.evaluate<string[]>(`(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    const channels = (color) => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = color
      canvas.fillRect(0, 0, 1, 1)
      return [...canvas.getImageData(0, 0, 1, 1).data]
    }
    const luminance = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
      return 0.2126 * x + 0.7152 * y + 0.0722 * z
    }
    const behind = (node) => {
      for (let at = node; at !== null; at = at.parentElement) {
        const color = channels(getComputedStyle(at).backgroundColor)
        if (color[3] === 255) return color
      }
      return channels('Canvas')
    }
    const hasText = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())
    return [...document.querySelectorAll('body *')]
      .filter((node) => node.checkVisibility() && (hasText(node) || node.matches('input, textarea')))
      .map((node) => {
        const [light, dark] = [luminance(channels(getComputedStyle(node).color)), luminance(behind(node))].sort((a, b) => b - a)
        return { text: node.textContent.trim().slice(0, 40), ratio: (light + 0.05) / (dark + 0.05) }
      })
      .filter(({ ratio }) => ratio < 4.5)
      .map(({ text, ratio }) => text + ' ' + ratio.toFixed(2))
  })()`)
}
