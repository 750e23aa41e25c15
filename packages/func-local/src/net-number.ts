// Above as many digits before the point, or below as many zeros after it, .NET writes an exponent.
const MAX_SCALE = 15
const MIN_SCALE = -3

/**
 * A double as .NET writes it in the invariant culture, `1E-07` for example; the fewest digits that read back as the same:
 * https://learn.microsoft.com/dotnet/standard/base-types/standard-numeric-format-strings#general-format-specifier-g
 */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return String(value)
  if (Object.is(value, -0)) return '-0'
  const [, sign = '', first = '', rest = '', exponent = ''] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential()) ?? []
  const scale = Number(exponent) + 1
  if (scale <= MAX_SCALE && scale >= MIN_SCALE) return fixed(sign, first + rest, scale)
  const power = Math.abs(Number(exponent))
  const fraction = rest === '' ? '' : `.${rest}`
  return `${sign}${first}${fraction}E${scale > 0 ? '+' : '-'}${String(power).padStart(2, '0')}`
}

function fixed(sign: string, digits: string, scale: number): string {
  if (scale <= 0) return `${sign}0.${'0'.repeat(-scale)}${digits}`
  if (digits.length <= scale) return sign + digits.padEnd(scale, '0')
  return `${sign}${digits.slice(0, scale)}.${digits.slice(scale)}`
}
