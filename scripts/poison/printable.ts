/**
 * A text as a person may safely see it: in one line, and with nothing in it that steers a terminal or turns the
 * direction of reading. Whoever may write to the queue writes these texts.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\\') return '\\\\'
    if (character === '\n') return '\\n'
    if (character === '\r') return '\\r'
    if (character === '\t') return '\\t'
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** A value as JSON in one line: still JSON, and as safe to see. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) =>
    // RFC 8259 §7: a character beyond the first plane is written as its two surrogates.
    Array.from({ length: character.length }, (_, index) => unicodeEscape(character, index)).join(''),
  )
}

function unicodeEscape(text: string, index: number): string {
  return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`
}

/** A text of at most so many characters; what is left out is said by an ellipsis. */
export function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
