import { hostname } from 'node:os'
import type { HostConfig } from './config/host-config.ts'
import type { Settings } from './config/settings.ts'

const LONGEST = 32

/**
 * The id under which a host keeps its own data in storage (blob receipts, schedule status). Unless it is set, it is
 * made of the machine's name and the app's folder, as the real host makes it:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.WebHost/ScriptHostIdProvider.cs and
 * https://learn.microsoft.com/azure/azure-functions/functions-app-settings#azurefunctionswebhost__hostid
 */
export function hostIdOf(settings: Settings, hostConfig: Pick<HostConfig, 'appDirectory' | 'raw'>): string {
  const fromFile = hostConfig.raw('id')
  const configured =
    settings.get('AzureFunctionsWebHost:hostId') ?? (typeof fromFile === 'string' ? fromFile : undefined)
  if (configured !== undefined && configured !== '') return configured
  const machine = hostname().replace(/[^\p{L}\p{Nd}]/gu, '')
  return `${machine}-${stableHash(hostConfig.appDirectory)}`
    .slice(0, LONGEST)
    .toLowerCase()
    .replace(/-+$/, '')
}

function stableHash(text: string): number {
  let hash = 23
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return Math.abs(hash)
}
