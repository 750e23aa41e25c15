/** The package that the library writes cookies with, which has no types of its own. */
declare module 'cookie' {
  export function serialize(name: string, value: string, options: object): string
}
