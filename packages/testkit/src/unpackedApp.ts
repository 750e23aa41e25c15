import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const ROOT = path.join(import.meta.dirname, '../../..')

/**
 * A copy of the app as it is deployed: only the bundle, host.json and package.json. The environment variable `E2E_APP` names
 * the folder to copy from, for example an unpacked package; the default is this checkout.
 */
export async function unpackedApp(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-service-'))
  for (const name of ['dist', 'host.json', 'package.json']) {
    await cp(path.join(process.env['E2E_APP'] ?? ROOT, name), path.join(folder, name), { recursive: true })
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}
