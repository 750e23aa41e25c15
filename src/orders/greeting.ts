/** A greeting, for `name` or for everyone. */
export function greet(name?: string | null): string {
  const trimmed = name?.trim() ?? ''
  return trimmed === '' ? 'Hello from Azure Functions!' : `Hello, ${trimmed}!`
}
