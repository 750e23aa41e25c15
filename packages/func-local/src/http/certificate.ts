import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { createSecureContext } from 'node:tls'
import { ConfigurationError } from '../config/json-file.ts'

/** The certificate of a server with its private key, as `node:tls` takes it. */
export type ServerIdentity =
  | { readonly cert: string; readonly key: string; readonly passphrase?: string | undefined }
  | { readonly pfx: Buffer; readonly passphrase?: string | undefined }

/** The certificate that was made for this machine. */
export interface OwnCertificate {
  readonly identity: ServerIdentity
  /** The file with the certificate alone, for whoever wants to trust it; `undefined` when it could not be kept. */
  readonly file: string | undefined
}

// https://support.apple.com/en-us/102028: a certificate for longer than 825 days is refused, whoever made it.
const DAYS = 365
const RENEWED_BEFORE_MS = 7 * 24 * 60 * 60 * 1000
const NAMES = { dns: ['localhost'], ip: ['127.0.0.1', '::1'] }
const OWNER_ONLY = 0o600
const OF_OTHERS = 0o077

/** Where this user's certificate is kept, by the customs of the system. */
export function certificateFolder(environment: NodeJS.ProcessEnv): string {
  const { LOCALAPPDATA, XDG_DATA_HOME } = environment
  const data =
    process.platform === 'win32'
      ? (LOCALAPPDATA ?? path.join(homedir(), 'AppData', 'Local'))
      : process.platform === 'darwin'
        ? path.join(homedir(), 'Library', 'Application Support')
        : XDG_DATA_HOME !== undefined && path.isAbsolute(XDG_DATA_HOME)
          ? XDG_DATA_HOME
          : path.join(homedir(), '.local', 'share')
  return path.join(data, 'func-local')
}

/**
 * The certificate for `localhost` of this user: made once and kept for a year, so that it needs to be trusted once only. Its
 * key is readable by the user alone. Where it cannot be kept, it is made for this start.
 */
export async function ownCertificate(folder: string, now = Date.now()): Promise<OwnCertificate> {
  const kept = path.join(folder, 'localhost.pem')
  const shown = path.join(folder, 'localhost.crt')
  const found = readKept(kept, now)
  const identity = found ?? (await import('./self-signed.ts')).selfSigned(NAMES, DAYS, now)
  try {
    if (found === undefined) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      // Whole or not at all: another host may start at the same moment.
      replaceFile(kept, identity.key + identity.cert, OWNER_ONLY)
    }
    if (!existsSync(shown) || readFileSync(shown, 'utf8') !== identity.cert)
      replaceFile(shown, identity.cert, 0o644)
  } catch {
    return { identity, file: undefined }
  }
  return { identity, file: shown }
}

function readKept(file: string, now: number): { readonly cert: string; readonly key: string } | undefined {
  try {
    if (process.platform !== 'win32' && (statSync(file).mode & OF_OTHERS) !== 0) return undefined
    const text = readFileSync(file, 'utf8')
    const start = text.indexOf('-----BEGIN CERTIFICATE-----')
    const [key, cert] = [text.slice(0, start), text.slice(start)]
    const certificate = new X509Certificate(cert)
    const isUsable =
      certificate.checkPrivateKey(createPrivateKey(key)) &&
      certificate.checkHost('localhost') !== undefined &&
      Date.parse(certificate.validTo) - RENEWED_BEFORE_MS > now
    return isUsable ? { cert, key } : undefined
  } catch {
    return undefined
  }
}

function replaceFile(file: string, content: string, mode: number): void {
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, content, { mode })
  chmodSync(temporary, mode)
  renameSync(temporary, file)
}

/**
 * Reads the certificate that `--cert` names: a `.pfx` (PKCS #12) file, or a PEM file with certificate and key.
 *
 * @param password the password, or the file that holds it, as Core Tools takes it
 * @throws {ConfigurationError} when there is no usable certificate with its key.
 */
export function readCertificate(file: string, password: string | undefined): ServerIdentity {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ConfigurationError(`--cert: ${file} cannot be read (${code ?? String(error)}).`)
  }
  const isFile = password !== undefined && existsSync(password) && statSync(password).isFile()
  const passphrase = isFile ? readFileSync(password, 'utf8').trim() : password
  const text = bytes.toString('latin1')
  const identity = text.includes('-----BEGIN ')
    ? { cert: text, key: text, passphrase }
    : { pfx: bytes, passphrase }
  try {
    createSecureContext(identity)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ConfigurationError(
      `--cert: ${file} is no .pfx or PEM file with a certificate and its private key, or --password is not its password (${reason}).`,
    )
  }
  return identity
}
