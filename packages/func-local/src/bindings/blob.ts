import type { BlobClient, ContainerClient } from '@azure/storage-blob'
import {
  BindingError,
  isBinary,
  propertyOf,
  requiredText,
  textOf,
  type NamedBinding,
} from '../host/function.ts'
import type { TypedData } from '../protocol.ts'
import type { BindingScope, BindingType } from '../registry.ts'
import { blobService } from '../storage/blobs.ts'
import { resolveConnection } from '../storage/connection.ts'
import { isCode, statusOf } from '../storage/errors.ts'

/**
 * Blob input and output:
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-input and
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-output
 *
 * An input is text, which the library parses when it is JSON, or a Buffer with `dataType: 'binary'`; a blob that does not
 * exist is `undefined`. An output replaces the blob, in a container that is created when it is missing.
 */
export const blobBinding: BindingType = {
  type: 'blob',
  check: (binding, { settings }) => {
    requiredText(binding, 'path')
    resolveConnection(settings, textOf(binding, 'connection'))
    if (propertyOf(binding, 'sdkBinding') === true) {
      throw new BindingError(
        "'sdkBinding' of its blob binding is not supported by func-local. Leave it out to get the blob's content. The other functions are not affected.",
      )
    }
  },
  input: async (scope) => {
    const { blob } = await locate(scope)
    let body: Buffer
    try {
      body = await blob.downloadToBuffer()
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
    return isBinary(scope.binding) ? { bytes: body } : { string: body.toString('utf8') }
  },
  output: async (scope, value) => {
    const body = bodyOf(value)
    if (body === undefined) return
    const { container, blob } = await locate(scope)
    const upload = async (): Promise<void> => {
      await blob.getBlockBlobClient().uploadData(body)
    }
    try {
      await upload()
    } catch (error) {
      if (!isCode(error, 'ContainerNotFound')) throw error
      await container.createIfNotExists()
      await upload()
    }
  },
}

async function locate({
  binding,
  services,
  resolve,
}: BindingScope): Promise<{ container: ContainerClient; blob: BlobClient }> {
  const [containerName, blobName] = splitPath(resolve(requiredText(binding, 'path')), binding)
  const service = await blobService(services.settings, textOf(binding, 'connection'))
  const container = service.getContainerClient(containerName)
  return { container, blob: container.getBlobClient(blobName) }
}

function splitPath(path: string, binding: NamedBinding): [string, string] {
  const slash = path.indexOf('/')
  if (slash <= 0 || slash === path.length - 1) {
    throw new BindingError(
      `'path' of its ${binding.type} binding is '${path}'. Paths must be in the format 'container/blob'.`,
    )
  }
  return [path.slice(0, slash), path.slice(slash + 1)]
}

/** Text and bytes as they are, anything else as JSON; `null` writes nothing. */
function bodyOf(value: TypedData): Buffer | undefined {
  if (value.bytes !== undefined) return Buffer.from(value.bytes)
  if (value.string !== undefined) return Buffer.from(value.string)
  if (value.json !== undefined) return value.json === 'null' ? undefined : Buffer.from(value.json)
  const number = value.int ?? value.double
  return number === undefined ? undefined : Buffer.from(String(number))
}
