import { isIPv6 } from 'node:net'
import { isLocalName, isLoopback } from './request-origin.ts'

/** An address or a name as it is written in a URL: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2 */
export function urlHost(address: string): string {
  if (address === '127.0.0.1') return 'localhost'
  return isIPv6(address) ? `[${address}]` : address
}

/**
 * The host of the URL at which programs of this machine reach a server by one of the machine's own names; `undefined` when
 * it does not listen on loopback.
 *
 * @param address as it was given: an address or a name
 * @param bound the address that the server listens on
 */
export function localUrlHost(address: string, bound: string): string | undefined {
  if (bound === '0.0.0.0' || bound === '::') return 'localhost'
  if (!isLoopback(bound)) return undefined
  const given = urlHost(address)
  return isLocalName(given) ? given : urlHost(bound)
}
