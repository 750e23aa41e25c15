import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

const ROOT = path.join(import.meta.dirname, '../../..')

/**
 * A copy of the app as it is deployed: only the bundle, host.json and package.json.
 *
 * @param from the folder to copy from. The default is the one that the environment variable `E2E_APP` names, for example an
 * unpacked package, or else this checkout.
 */
export async function unpackedApp(
  from = process.env['E2E_APP'] ?? ROOT,
): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'order-service-'))
  for (const name of ['dist', 'host.json', 'package.json']) {
    await cp(path.join(from, name), path.join(folder, name), { recursive: true })
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}
