import type { Settings } from '../config/settings.ts'
import { propertyOf, type NamedBinding } from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import { connectionSetting } from './connection.ts'

/** Whether the app asked for a client instead of the content (`sdkBinding: true`). */
export function wantsClient(binding: NamedBinding): boolean {
  return propertyOf(binding, 'sdkBinding') === true
}

/**
 * What the app's `@azure/functions-extensions-blob` makes a client of. The connection is the name of a setting, which the
 * library reads from the environment:
 * https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Blobs/src/Config/BlobsExtensionConfigProvider.cs
 */
export function blobClientData(
  settings: Settings,
  connection: string | undefined,
  { container, name }: { readonly container: string; readonly name: string },
): TypedData {
  const content = {
    Connection: connectionSetting(settings, connection),
    ContainerName: container,
    BlobName: name,
  }
  return {
    modelBindingData: {
      version: '1.0',
      source: 'AzureStorageBlobs',
      contentType: 'application/json',
      content: Buffer.from(JSON.stringify(content)),
    },
  }
}
