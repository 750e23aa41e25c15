/**
 * A value as one line of JSON for the log. Nothing in it may end the line or steer a terminal, so control characters that JSON
 * leaves alone are escaped as well.
 */
export function jsonLine(value: object): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
