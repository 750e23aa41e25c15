/** The settings don't say how to reach storage, or have a value that is not allowed. */
export class StorageSettingsError extends Error {
  override readonly name = 'StorageSettingsError'
}
