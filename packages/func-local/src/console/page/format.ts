import type { Preview } from '../messages.ts'

const SECOND_MS = 1000

/** The time of day with milliseconds, in the reader's zone. */
export function timeOf(milliseconds: number): string {
  const at = new Date(milliseconds)
  const part = (value: number, length = 2): string => String(value).padStart(length, '0')
  return `${part(at.getHours())}:${part(at.getMinutes())}:${part(at.getSeconds())}.${part(at.getMilliseconds(), 3)}`
}

/** A duration as people read it. */
export function durationOf(milliseconds: number): string {
  if (milliseconds < 1) return '< 1 ms'
  return milliseconds < SECOND_MS
    ? `${Math.round(milliseconds)} ms`
    : `${(milliseconds / SECOND_MS).toFixed(2)} s`
}

/** JSON on several lines, any other text as it is. */
export function pretty(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** A value with what its form leaves out. */
export function previewText({ text, isHex, size, isCut }: Preview): string {
  if (size === 0) return '(empty)'
  const about = [...(isHex ? ['bytes, hexadecimal'] : []), ...(isCut ? [`${size} bytes, cut off`] : [])]
  return `${isHex || isCut ? text : pretty(text)}${isCut ? ' …' : ''}${about.length === 0 ? '' : `\n(${about.join('; ')})`}`
}

/** `1 message`, `2 messages` */
export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}
