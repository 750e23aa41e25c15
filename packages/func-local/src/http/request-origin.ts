import type { IncomingMessage } from 'node:http'

/** Whether an address that the host listens on is reached from this machine only. */
export function isLoopback(address: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i.test(address)
}

/**
 * Whether a Host header can be meant for a server of this machine. A web page of the internet could point its own name at
 * 127.0.0.1 and then read what the host responds (DNS rebinding); its name has a dot. A name without one cannot be bought:
 * https://www.icann.org/en/system/files/files/sac-053-en.pdf
 */
export function isLocalName(hostHeader: string): boolean {
  const name = hostHeader.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase()
  return isLoopback(name) || name.endsWith('.localhost') || /^[^.:[\]]*$/.test(name)
}

/** The scheme of the connection that a request came over. */
export function schemeOf({ socket }: IncomingMessage): 'http' | 'https' {
  return 'encrypted' in socket && socket.encrypted === true ? 'https' : 'http'
}

/** Whether a page of another origin sent the request: https://fetch.spec.whatwg.org/#origin-header */
export function isForeign(request: IncomingMessage): boolean {
  const { headers } = request
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  const { origin, host } = headers
  return origin !== undefined && origin.toLowerCase() !== `${schemeOf(request)}://${host ?? ''}`.toLowerCase()
}
