import type { BlobClient, ContainerClient } from '@azure/storage-blob'
import { resolveSettings } from '../binding-expression.ts'
import { BindingError, isBinary, requiredText, textOf } from '../host/function.ts'
import { writeNetJson } from '../net-json.ts'
import type { TypedData } from '../protocol.ts'
import type { BindingScope, BindingType } from '../registry.ts'
import { blobClientData, wantsClient } from '../storage/blob-client-data.ts'
import { blobService } from '../storage/blobs.ts'
import { connectionName, resolveConnection } from '../storage/connection.ts'
import { isCode, statusOf, withTarget, type StorageTarget } from '../storage/errors.ts'
import { blobNameFault, containerNameFault } from '../storage/names.ts'
import { warnOfInvalidName } from './name-warning.ts'
import { outputValueOf } from './output-value.ts'

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
  check: (binding, services) => {
    const { settings } = services
    const given = requiredText(binding, 'path')
    warnOfInvalidName(services, () => {
      const path = resolveSettings(given, settings)
      if (path.includes('{')) checkContainer(path)
      else parseBlobName(path)
    })
    resolveConnection(settings, textOf(binding, 'connection'))
  },
  input: async (scope) => {
    const { path, target } = locate(scope)
    const { binding, services } = scope
    if (wantsClient(binding)) return blobClientData(services.settings, textOf(binding, 'connection'), path)
    return await withTarget(target, async () => {
      const { blob } = await open(scope, path)
      let body: Buffer
      try {
        body = await blob.downloadToBuffer()
      } catch (error) {
        if (statusOf(error) === 404) return undefined
        throw error
      }
      return isBinary(scope.binding) ? { bytes: body } : { string: blobText(body) }
    })
  },
  output: async (scope, value) => {
    const body = blobBytesOf(value)
    if (body === undefined) return
    const { path, target } = locate(scope)
    await withTarget(target, async () => {
      const { container, blob } = await open(scope, path)
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
    })
  },
}

/** Where a blob is. */
interface BlobName {
  readonly container: string
  readonly name: string
}

function locate({ binding, resolve }: BindingScope): { path: BlobName; target: StorageTarget } {
  const path = parseBlobName(resolve(requiredText(binding, 'path')))
  const connection = connectionName(textOf(binding, 'connection'))
  return { path, target: { kind: 'blob', name: `${path.container}/${path.name}`, connection } }
}

async function open(
  { binding, services }: BindingScope,
  { container: containerName, name }: BlobName,
): Promise<{ container: ContainerClient; blob: BlobClient }> {
  const service = await blobService(services.settings, textOf(binding, 'connection'))
  const container = service.getContainerClient(containerName)
  return { container, blob: container.getBlobClient(name) }
}

/**
 * Reads `container/blob`, the name of one blob.
 *
 * @throws {BindingError} when storage does not accept it, or it leads out of its container.
 */
export function parseBlobName(path: string): BlobName {
  const slash = path.indexOf('/')
  const container = path.slice(0, slash)
  const name = path.slice(slash + 1)
  if (slash <= 0 || name === '') {
    throw new BindingError(
      `Invalid blob path '${path}'. Blob identifiers must be in the format 'container/blob'.`,
    )
  }
  const fault = containerNameFault(container) ?? blobNameFault(name)
  if (fault !== undefined) throw new BindingError(`Invalid blob path '${path}'. ${fault}`)
  return { container, name }
}

/** The container of a path with expressions, where it has none itself. */
function checkContainer(path: string): void {
  const [container = ''] = path.split('/')
  const fault = container.includes('{') ? undefined : containerNameFault(container)
  if (fault !== undefined) throw new BindingError(`Invalid blob path '${path}'. ${fault}`)
}

const INT_BITS = 32

/**
 * The bytes an output writes: text and bytes as they are, numbers and booleans in .NET's binary form, anything else as JSON;
 * `null` writes nothing:
 * https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script/Binding/FunctionBinding.cs (`ConvertValueToStream`)
 */
export function blobBytesOf(data: TypedData): Buffer | undefined {
  const value = outputValueOf(data)
  if (value === undefined) return undefined
  switch (value.kind) {
    case 'bytes':
      return value.value
    case 'text':
      return Buffer.from(value.value)
    case 'boolean':
      return Buffer.from([value.value ? 1 : 0])
    case 'integer':
      return Buffer.from(new Int32Array([Number(BigInt.asIntN(INT_BITS, value.value))]).buffer)
    case 'double':
      return Buffer.from(new Float64Array([value.value]).buffer)
    default:
      return Buffer.from(writeNetJson(value, 'compact'))
  }
}
/** Text as .NET's `StreamReader` reads it: a byte order mark decides the encoding, else it is UTF-8. */
export function blobText(bytes: Buffer): string {
  const mark = MARKS.find(({ start }) => bytes.subarray(0, start.length).equals(Buffer.from(start)))
  const content = bytes.subarray(mark?.start.length ?? 0)
  switch (mark?.encoding) {
    case 'utf-32le':
    case 'utf-32be':
      return utf32(content, mark.encoding === 'utf-32le')
    default:
      return new TextDecoder(mark?.encoding ?? 'utf-8', { ignoreBOM: true }).decode(content)
  }
}
// The longer mark first: that of UTF-32 begins with that of UTF-16.
const MARKS = [
  { encoding: 'utf-32le', start: [0xff, 0xfe, 0, 0] },
  { encoding: 'utf-32be', start: [0, 0, 0xfe, 0xff] },
  { encoding: 'utf-8', start: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', start: [0xff, 0xfe] },
  { encoding: 'utf-16be', start: [0xfe, 0xff] },
] as const

function utf32(bytes: Buffer, littleEndian: boolean): string {
  let text = ''
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
    text += point > 0x10ffff ? '\uFFFD' : String.fromCodePoint(point)
  }
  return text.toWellFormed()
}
