import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request to the managed identity endpoint. */
export interface TokenRequest {
  readonly resource: string | null
  readonly clientId: string | null
  readonly secret: string | undefined
}

/** A fake of the endpoint from which App Service and Functions apps get tokens of the managed identity. */
export interface ManagedIdentity {
  /** The environment variables with which the platform announces the endpoint. */
  readonly environment: Readonly<Record<string, string>>
  readonly requests: readonly TokenRequest[]
  stop(): Promise<void>
}

/**
 * Starts the fake. Its tokens have no valid signature.
 *
 * https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
 *
 * @param options.audience audience of the tokens; by default the one that is requested
 */
export async function startManagedIdentity(
  options: { readonly audience?: string } = {},
): Promise<ManagedIdentity> {
  const secret = 'the header keeps other processes out'
  const requests: TokenRequest[] = []
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://localhost')
    const header = request.headers['x-identity-header']
    const resource = searchParams.get('resource')
    const clientId = searchParams.get('client_id')
    requests.push({ resource, clientId, secret: typeof header === 'string' ? header : undefined })
    response.setHeader('content-type', 'application/json')
    if (header !== secret || searchParams.get('api-version') !== '2019-08-01') {
      response.writeHead(400).end('{"statusCode":400,"message":"no"}')
      return
    }
    const expires = Math.floor(Date.now() / 1000) + 3600
    const token = {
      access_token: jsonWebToken(options.audience ?? resource ?? '', expires),
      client_id: clientId,
      expires_on: String(expires),
      resource,
      token_type: 'Bearer',
    }
    response.end(JSON.stringify(token))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    environment: { IDENTITY_ENDPOINT: `http://127.0.0.1:${port}/msi/token`, IDENTITY_HEADER: secret },
    requests,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function jsonWebToken(audience: string, expires: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {
    aud: audience,
    // Azurite checks the beginning of the issuer.
    iss: 'https://sts.windows.net/00000000-0000-0000-0000-000000000000/',
    iat: expires - 7200,
    nbf: expires - 7200,
    exp: expires,
  }
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${part('signature')}`
}
