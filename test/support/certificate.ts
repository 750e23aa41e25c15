import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A certificate and its private key, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * Creates a self-signed TLS certificate that is valid for a day. Node can sign but not write certificates, and not every
 * machine has openssl. RFC 5280 §4.1 for the fields, X.690 for their encoding (DER).
 *
 * @param names DNS names and IPv4 addresses it is for
 */
export function selfSignedCertificate(names: readonly string[]): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Date.now()
  const name = sequence(set(sequence(oid(0x55, 0x04, 0x03), tlv(0x0c, Buffer.from('order service tests'))))) // CN
  const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02))
  const subjectAltName = sequence(oid(0x55, 0x1d, 0x11), octets(sequence(...names.map(generalName))))
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))), // version 3
    tlv(0x02, Buffer.of(1), randomBytes(8)), // serial number
    ecdsaWithSha256,
    name, // issuer
    sequence(time(now - 3600_000), time(now + 24 * 3600_000)),
    name, // subject
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(subjectAltName)),
  )
  const signature = tlv(0x03, Buffer.of(0), sign('sha256', toBeSigned, privateKey))
  const body = sequence(toBeSigned, ecdsaWithSha256, signature).toString('base64')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${body.replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** X.690 §8.1: tag, length, value. */
function tlv(tag: number, ...values: readonly Buffer[]): Buffer {
  const value = Buffer.concat(values)
  const { length } = value
  const short = length < 0x80
  return Buffer.concat([
    short ? Buffer.of(tag, length) : Buffer.of(tag, 0x82, length >> 8, length & 0xff),
    value,
  ])
}

const sequence = (...values: readonly Buffer[]) => tlv(0x30, ...values)
const set = (...values: readonly Buffer[]) => tlv(0x31, ...values)
const octets = (...values: readonly Buffer[]) => tlv(0x04, ...values)
const oid = (...bytes: readonly number[]) => tlv(0x06, Buffer.from(bytes))

/** RFC 5280 §4.1.2.5.1: UTCTime, YYMMDDHHMMSSZ. */
function time(at: number): Buffer {
  return tlv(0x17, Buffer.from(`${new Date(at).toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`))
}

/** RFC 5280 §4.2.1.6: a DNS name or an IP address. */
function generalName(name: string): Buffer {
  const address = name.split('.').map(Number)
  const isAddress = address.length === 4 && address.every((part) => part >= 0 && part <= 255)
  return isAddress ? tlv(0x87, Buffer.from(address)) : tlv(0x82, Buffer.from(name))
}
