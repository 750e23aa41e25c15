import { randomUUID } from 'node:crypto'
import type { BlobServiceClient } from '@azure/storage-blob'
import { resolveSettings } from '../binding-expression.ts'
import { parseBlobName } from '../bindings/blob.ts'
import { systemClock } from '../clock.ts'
import { detailTime, isoWithOffset } from '../date-text.ts'
import { BindingError, requiredInput, requiredText, textOf, type NamedBinding } from '../host/function.ts'
import { hostIdOf } from '../host-id.ts'
import type { TypedData } from '../protocol.ts'
import type { Services, TriggerEvent, TriggerType } from '../registry.ts'
import { readBlobOptions } from '../storage/blob-options.ts'
import { blobClientData, wantsClient } from '../storage/blob-client-data.ts'
import { blobService } from '../storage/blobs.ts'
import { connectionName, resolveConnection } from '../storage/connection.ts'
import { statusOf } from '../storage/errors.ts'
import { encodeMessage } from '../storage/queue-encoding.ts'
import { openQueue } from '../storage/queues.ts'
import { bytesOf, createBlobListener, type BlobContent, type BlobFacts } from './blob-listener.ts'
import { parseBlobPath, type BlobPathPattern } from './blob-path.ts'
import { createBlobReceipts, type BlobVersion } from './blob-receipts.ts'
import { CALLED_VIA_HOST } from './http.ts'
import { SAMPLE_MESSAGE } from './on-call/sample.ts'

/** Where versions go that a function has failed for too often, as in the real host. */
const POISON_QUEUE = 'webjobs-blobtrigger-poison'
const ACCEPTED = 202

/** The storage blob trigger: https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger */
export const blobTrigger: TriggerType = {
  type: 'blobTrigger',
  supportsRetry: false,
  bind: ({ fn, services, invoke }) => {
    const { settings, hostConfig, log } = services
    const fromEventGrid = isFromEventGrid(fn.trigger)
    const pattern = parseBlobPath(resolveSettings(requiredText(fn.trigger, 'path'), settings))
    const connection = textOf(fn.trigger, 'connection')
    resolveConnection(settings, connection)
    // Receipts are the host's own data.
    resolveConnection(settings, undefined)
    const functionId = `Host.Functions.${fn.name}`
    const { maxDegreeOfParallelism, poisonBlobThreshold } = readBlobOptions(hostConfig)
    const eventOf = (content: BlobContent): TriggerEvent => {
      const event = blobEvent(content)
      return wantsClient(fn.trigger)
        ? { ...event, data: blobClientData(settings, connection, content.version) }
        : event
    }
    const existing = async (path: string): Promise<TriggerEvent> => {
      const service = await blobService(settings, connection)
      const { details: _, ...event } = eventOf(await contentAt(path, service, pattern))
      return { ...event, reason: CALLED_VIA_HOST }
    }
    const listener = createBlobListener({
      pattern,
      connection: connectionName(connection),
      maxDegreeOfParallelism,
      poisonBlobThreshold,
      service: () => blobService(settings, connection),
      receipts: createBlobReceipts(
        () => blobService(settings, undefined),
        hostIdOf(settings, hostConfig),
        functionId,
        systemClock,
      ),
      log,
      clock: systemClock,
      run: async (content) => (await invoke(eventOf(content))).ok,
      poison: async (version, blobType) => {
        await sendToPoisonQueue(services, connection, poisonMessage(functionId, version, blobType))
        log.write(
          'Host.Triggers.Blobs',
          'warning',
          `Message has reached MaxDequeueCount of ${poisonBlobThreshold}. Moving message to queue '${POISON_QUEUE}'.`,
        )
      },
    })
    return {
      ...listener,
      adminEvent: (input) => existing(requiredInput(input)),
      byHand: {
        kind: 'event',
        sample: () => SAMPLE_MESSAGE,
        event: async (data, { isGiven, blob, fileName }) => {
          if (blob !== undefined && !isGiven) return await existing(blob)
          const { details: _, ...event } = eventOf(contentOf(data, pattern, blob, fileName))
          return { ...event, reason: CALLED_VIA_HOST }
        },
      },
      ...(fromEventGrid
        ? {
            webhook: {
              extension: 'blobs',
              functionName: functionId,
              handle: () => {
                // The blob may be new since the last look; what is done already has a receipt.
                listener.look()
                return Promise.resolve({ status: ACCEPTED })
              },
            },
          }
        : {}),
    }
  },
}

/** @throws {BindingError} when the source is one that there is not. */
function isFromEventGrid(trigger: NamedBinding): boolean {
  const source = textOf(trigger, 'source') ?? ''
  if (source === '' || /^logsandcontainerscan$/i.test(source)) return false
  if (/^eventgrid$/i.test(source)) return true
  throw new BindingError(
    `'source' of its blob trigger is '${source}'; it must be 'LogsAndContainerScan' or 'EventGrid'.`,
  )
}

/** A blob that exists only in this call: the data is its content. @throws {BindingError} */
function contentOf(
  data: Buffer,
  pattern: BlobPathPattern,
  given: string | undefined,
  fileName: string | undefined,
): BlobContent {
  const path = given ?? `${pattern.container}/${pattern.example(fileName)}`
  const { container, name } = parseBlobName(path)
  const now = new Date()
  return {
    version: { container, name, etag: '"0x0"' },
    url: `https://sample.blob.core.windows.net/${path}`,
    parameters: (container === pattern.container ? pattern.match(name) : undefined) ?? {},
    body: data,
    properties: {
      createdOn: now,
      lastModified: now,
      blobType: 'BlockBlob',
      contentLength: data.length,
      contentType: 'application/octet-stream',
      etag: '"0x0"',
    },
    attempt: 1,
  }
}

/** A call of the admin API names a blob, `container/name`; it need not be one that the trigger watches. */
async function contentAt(
  path: string,
  service: BlobServiceClient,
  pattern: BlobPathPattern,
): Promise<BlobContent> {
  const { container, name } = parseBlobName(path)
  const blob = service.getContainerClient(container).getBlobClient(name)
  try {
    const properties = await blob.download()
    return {
      version: { container, name, etag: properties.etag ?? '' },
      url: blob.url,
      parameters: (container === pattern.container ? pattern.match(name) : undefined) ?? {},
      body: await bytesOf(properties),
      properties,
      attempt: 1,
    }
  } catch (error) {
    if (statusOf(error) === 404) throw new BindingError(`The blob '${path}' does not exist.`)
    throw error
  }
}

/** What the function gets of a blob. */
function blobEvent({ version, url, parameters, body, properties, attempt }: BlobContent): TriggerEvent {
  const path = `${version.container}/${version.name}`
  const described = describe(properties)
  const userMetadata = properties.metadata ?? {}
  const metadata: Record<string, TypedData> = {
    BlobTrigger: { string: path },
    Uri: { json: JSON.stringify(url) },
    Properties: { json: JSON.stringify(described) },
    Metadata: { json: JSON.stringify(userMetadata) },
  }
  // A parameter of the path overrides what there is of the same name, as in the real host.
  for (const [name, value] of Object.entries(parameters)) {
    const same = Object.keys(metadata).find((key) => key.toLowerCase() === name.toLowerCase())
    metadata[same ?? name] = { string: value }
  }
  return {
    // Whatever the trigger's dataType says, as in the real host.
    data: { bytes: body },
    metadata,
    bindingData: () => ({
      blobTrigger: path,
      uri: url,
      properties: described,
      metadata: userMetadata,
      ...parameters,
    }),
    // A blob's name is anyone's text: it must not begin a log line of its own.
    reason: `New blob detected(LogsAndContainerScan): ${path.replaceAll('\r', '\\r').replaceAll('\n', '\\n')}`,
    details:
      `MessageId: ${randomUUID()}, DequeueCount: ${attempt}, InsertedOn: ${detailTime(new Date())}, ` +
      `BlobCreated: ${detailTime(properties.createdOn)}, BlobLastModified: ${detailTime(properties.lastModified)}`,
  }
}

const NO_DATE = '0001-01-01T00:00:00+00:00'
// The order of the .NET SDK's enumerations, which are numbers in JSON.
const BLOB_TYPES = ['BlockBlob', 'PageBlob', 'AppendBlob']
const COPY_STATES = ['pending', 'success', 'aborted', 'failed']
const LEASE_DURATIONS = ['infinite', 'fixed']
const LEASE_STATES = ['available', 'leased', 'expired', 'breaking', 'broken']
const LEASE_STATUSES = ['locked', 'unlocked']

/**
 * The blob's properties as the real host gives them to Node.js apps: the .NET SDK's `BlobProperties` as JSON,
 * https://learn.microsoft.com/dotnet/api/azure.storage.blobs.models.blobproperties
 */
function describe(properties: BlobFacts): Readonly<Record<string, unknown>> {
  const text = (value: string | undefined): string | null => value ?? null
  const date = (value: Date | undefined): string => (value === undefined ? NO_DATE : isoWithOffset(value))
  const index = (names: readonly string[], value: string | undefined): number =>
    Math.max(0, names.indexOf(value ?? ''))
  return {
    LastModified: date(properties.lastModified),
    CreatedOn: date(properties.createdOn),
    Metadata: properties.metadata ?? {},
    ObjectReplicationDestinationPolicyId: text(properties.objectReplicationDestinationPolicyId),
    ObjectReplicationSourceProperties: null,
    BlobType: index(BLOB_TYPES, properties.blobType),
    CopyCompletedOn: date(properties.copyCompletedOn),
    CopyStatusDescription: text(properties.copyStatusDescription),
    CopyId: text(properties.copyId),
    CopyProgress: text(properties.copyProgress),
    CopySource: text(properties.copySource),
    CopyStatus: index(COPY_STATES, properties.copyStatus),
    BlobCopyStatus: properties.copyStatus === undefined ? null : index(COPY_STATES, properties.copyStatus),
    IsIncrementalCopy: false,
    DestinationSnapshot: null,
    LeaseDuration: index(LEASE_DURATIONS, properties.leaseDuration),
    LeaseState: index(LEASE_STATES, properties.leaseState),
    LeaseStatus: index(LEASE_STATUSES, properties.leaseStatus),
    ContentLength: properties.contentLength ?? 0,
    ContentType: text(properties.contentType),
    ETag: properties.etag ?? '',
    ContentHash:
      properties.contentMD5 === undefined ? null : Buffer.from(properties.contentMD5).toString('base64'),
    ContentEncoding: text(properties.contentEncoding),
    ContentDisposition: text(properties.contentDisposition),
    ContentLanguage: text(properties.contentLanguage),
    CacheControl: text(properties.cacheControl),
    BlobSequenceNumber: properties.blobSequenceNumber ?? 0,
    AcceptRanges: properties.acceptRanges ?? 'bytes',
    BlobCommittedBlockCount: properties.blobCommittedBlockCount ?? 0,
    IsServerEncrypted: properties.isServerEncrypted ?? false,
    EncryptionKeySha256: text(properties.encryptionKeySha256),
    EncryptionScope: text(properties.encryptionScope),
    VersionId: text(properties.versionId),
    IsLatestVersion: false,
    TagCount: properties.tagCount ?? 0,
    LastAccessed: date(properties.lastAccessed),
  }
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-blob-trigger#poison-blobs */
function poisonMessage(functionId: string, { container, name, etag }: BlobVersion, blobType: string): string {
  return JSON.stringify({
    Type: 'BlobTrigger',
    FunctionId: functionId,
    BlobType: blobType,
    ContainerName: container,
    BlobName: name,
    ETag: etag,
  })
}

/** To the account of the blob; where that has no queues, to the host's own. */
async function sendToPoisonQueue(
  { settings }: Services,
  connection: string | undefined,
  message: string,
): Promise<void> {
  const text = encodeMessage(Buffer.from(message), 'base64')
  const queue = await openQueue(settings, connection, POISON_QUEUE).catch(() =>
    openQueue(settings, undefined, POISON_QUEUE),
  )
  await queue.send(text)
}
