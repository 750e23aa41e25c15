import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  ChainedTokenCredential,
  ManagedIdentityCredential,
  type TokenCredential,
} from '@azure/identity'

/**
 * The identity that reaches storage: the managed identity where the platform offers one, else the developer who is
 * signed in to the Azure CLI or the Azure Developer CLI.
 *
 * @param clientId of a user-assigned managed identity
 */
export function storageCredential(
  clientId: string | undefined,
  environment: NodeJS.ProcessEnv,
): TokenCredential {
  // App Service and Functions set it: https://learn.microsoft.com/azure/app-service/overview-managed-identity
  if (environment['IDENTITY_ENDPOINT'] !== undefined) {
    return new ManagedIdentityCredential(clientId === undefined ? {} : { clientId })
  }
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential())
}
