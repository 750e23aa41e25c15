import type { Page } from 'playwright-core'

/** Each visible text of a page, with its contrast to what is behind it (WCAG 2.2, "contrast ratio"). */
export function contrasts(page: Page): Promise<readonly { readonly text: string; readonly ratio: number }[]> {
  return page.evaluate(CONTRASTS)
}

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
