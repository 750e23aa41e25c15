/**
 * The patterns that a pattern with braces stands for, in the order in which the braces name them: `a/{b,c/{d,e}}.js` is
 * `a/b.js`, `a/c/d.js`, `a/c/e.js`. Ranges such as `{1..3}` stay as they are, and so does what is escaped.
 */
export function braceAlternatives(pattern: string): string[] {
  const open = firstBrace(pattern)
  if (open === undefined) return [pattern]
  const { start, end, parts } = open
  const [before, after] = [pattern.slice(0, start), pattern.slice(end + 1)]
  if (parts.length < 2) {
    // Not a choice: what is inside and behind may be one.
    const inside = pattern.slice(start, end + 1)
    return braceAlternatives(after).map((rest) => before + inside + rest)
  }
  return parts.flatMap((part) => braceAlternatives(`${before}${part}${after}`))
}

/** The first whole pair of braces outside of a character class, with the parts between its own commas. */
function firstBrace(
  pattern: string,
): { readonly start: number; readonly end: number; readonly parts: readonly string[] } | undefined {
  for (let start = 0; start < pattern.length; start++) {
    if (pattern[start] === '\\') start++
    else if (pattern[start] === '{') {
      const found = partsFrom(pattern, start)
      if (found !== undefined) return { start, ...found }
    }
  }
  return undefined
}

function partsFrom(pattern: string, start: number): { end: number; parts: string[] } | undefined {
  const parts: string[] = []
  let depth = 0
  let from = start + 1
  for (let i = start; i < pattern.length; i++) {
    const c = pattern[i]
    if (c === '\\') i++
    else if (c === '{') depth++
    else if (c === ',' && depth === 1) {
      parts.push(pattern.slice(from, i))
      from = i + 1
    } else if (c === '}' && --depth === 0) {
      return { end: i, parts: [...parts, pattern.slice(from, i)] }
    }
  }
  return undefined
}
