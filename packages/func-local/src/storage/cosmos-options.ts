import type { HostConfig } from '../config/host-config.ts'
import { nullable, word } from '../config/value-schemas.ts'

/**
 * Whether text in the form of a date is changed where items are read:
 * https://github.com/Azure/azure-webjobs-sdk-extensions/pull/923
 */
export function changesDates(hostConfig: HostConfig): boolean {
  const { dateParseHandling } = hostConfig.section('extensions.cosmosDB.serializerSettings', {
    dateParseHandling: nullable(word(['None', 'Default'])),
  })
  return dateParseHandling !== 'None'
}
