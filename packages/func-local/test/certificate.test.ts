import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { certificateFolder, ownCertificate, readCertificate } from '../src/http/certificate.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const isWindows = process.platform === 'win32'

// Node.js reads PKCS #12 files, and makes none.
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** What is wrong with a certificate, how it comes about, and after how many milliseconds. */
type Spoiled = [string, (file: string) => Promise<unknown>, number]

describe("this machine's certificate", () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'func-local-certificate-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('is for this machine only, cannot sign others, and is valid for a year', async () => {
    const { identity } = await ownCertificate(path.join(folder, 'a'))
    const certificate = new X509Certificate('cert' in identity ? identity.cert : '')
    expect(certificate.checkHost('localhost')).toBe('localhost')
    for (const address of ['127.0.0.1', '::1']) expect(certificate.checkIP(address)).toBeDefined()
    expect(certificate.checkHost('example.com')).toBeUndefined()
    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    const days = (Date.parse(certificate.validTo) - Date.now()) / DAY_MS
    expect(Math.round(days)).toBe(365)
    expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now())
  })

  test('is made once and kept, its key for the user alone', async () => {
    const kept = path.join(folder, 'b')
    const first = await ownCertificate(kept)
    expect((await ownCertificate(kept)).identity).toEqual(first.identity)
    expect((await readdir(kept)).sort()).toEqual(['localhost.crt', 'localhost.pem'])
    expect(first.file).toBe(path.join(kept, 'localhost.crt'))
    expect(await readFile(path.join(kept, 'localhost.crt'), 'utf8')).not.toContain('PRIVATE KEY')
    if (!isWindows) expect((await stat(path.join(kept, 'localhost.pem'))).mode & 0o777).toBe(0o600)
  })

  const othersMayRead: Spoiled = ['others may read', (file) => chmod(file, 0o644), 0]
  test.each<Spoiled>([
    ['is about to expire', () => Promise.resolve(), 360 * DAY_MS],
    ['is broken', (file) => writeFile(file, 'broken'), 0],
    ['is missing', (file) => rm(file), 0],
    ...(isWindows ? [] : [othersMayRead]),
  ])('is made again when the one that is kept %s', async (name, spoil, later) => {
    const kept = path.join(folder, name)
    const first = await ownCertificate(kept)
    await spoil(path.join(kept, 'localhost.pem'))
    const second = await ownCertificate(kept, Date.now() + later)
    expect(second.identity).not.toEqual(first.identity)
    expect(await readFile(second.file ?? '', 'utf8')).toBe(
      'cert' in second.identity ? second.identity.cert : '',
    )
  })

  test('is used for one start where it cannot be kept', async () => {
    const file = path.join(folder, 'file')
    await writeFile(file, '')
    const { identity, file: shown } = await ownCertificate(path.join(file, 'below'))
    expect(shown).toBeUndefined()
    expect(identity).toHaveProperty('cert')
  })

  test('serves clients that trust it', async () => {
    const { identity, file = '' } = await ownCertificate(path.join(folder, 'served'))
    const server = createServer(identity, (_request, response) => response.end('secure')).listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const sent = request({ host: 'localhost', port, ca: await readFile(file), agent: false }).end()
    const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe('secure')
    server.close()
  })

  test('is kept where the system keeps data of users', () => {
    expect(path.basename(certificateFolder({}))).toBe('func-local')
    if (process.platform === 'linux')
      expect(certificateFolder({ XDG_DATA_HOME: '/data' })).toBe('/data/func-local')
  })
})

describe('--cert', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'func-local-cert-'))
    await ownCertificate(folder)
    const args = ['pkcs12', '-export', '-in', 'localhost.pem', '-out', 'a.pfx', '-passout', 'pass:sesame']
    if (hasOpenssl) spawnSync('openssl', args, { cwd: folder })
    else await writeFile(path.join(folder, 'a.pfx'), 'not made')
    await writeFile(path.join(folder, 'password.txt'), 'sesame\n')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  ;(hasOpenssl ? test : test.skip)('takes a .pfx file, with its password or the file that holds it', () => {
    const file = path.join(folder, 'a.pfx')
    expect(readCertificate(file, 'sesame')).toMatchObject({ passphrase: 'sesame' })
    expect(readCertificate(file, path.join(folder, 'password.txt'))).toMatchObject({ passphrase: 'sesame' })
  })

  test('takes a PEM file with certificate and key', () => {
    expect(readCertificate(path.join(folder, 'localhost.pem'), undefined)).toHaveProperty('key')
  })

  test.each([
    ['a.pfx', 'wrong'],
    ['a.pfx', undefined],
    ['localhost.crt', undefined],
    ['password.txt', undefined],
    ['missing.pfx', undefined],
    ['a.pfx', '.'],
    ['a.pfx', tmpdir()],
    ['a.pfx', 'a\0b'],
  ])('refuses %s with the password %s in one line', (name, password) => {
    const file = path.join(folder, name)
    expect(() => readCertificate(file, password)).toThrow(
      /^--cert: \S+ (?:is no \.pfx or PEM file|cannot be read)[^\n]*$/,
    )
  })
})
