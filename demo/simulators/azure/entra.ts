// Entra ID: the token endpoint for a federated workload, and what its libraries read before they ask it.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#third-case-access-token-request-with-a-federated-credential
import type { WireReply, WireRequest } from './arm.ts'
import { ArmError } from './errors.ts'
import type { Random } from './random.ts'
import type { World } from './state.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const AUDIENCE = 'api://AzureADTokenExchange'
const RESOURCE = /^https:\/\/management\.(core\.windows\.net|azure\.com)\/+\.default$/i
/** Tokens kept; the oldest go first. */
const TOKENS = 10_000

/** Answers what belongs to Entra; `undefined` for any other path. */
export function serveEntra(world: World, request: WireRequest): WireReply | undefined {
  const path = request.url.pathname
  const origin = request.url.origin
  const [, tenant, rest] =
    /^\/([^/]+)(\/(?:v2\.0\/\.well-known\/openid-configuration|oauth2\/v2\.0\/token|discovery\/instance))$/i.exec(
      path,
    ) ?? []
  if (tenant === undefined || rest === undefined) return undefined
  if (rest.endsWith('/discovery/instance')) return found(discovery(request.url))
  if (rest.endsWith('/token') && request.method !== 'POST')
    return { status: 405, headers: { allow: 'POST' }, body: undefined }
  try {
    if (tenant.toLowerCase() !== world.settings.tenant.toLowerCase()) {
      throw new EntraError(
        'invalid_request',
        90002,
        `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID.`,
      )
    }
    if (!rest.endsWith('/token')) return found(configuration(origin, world.settings.tenant))
    return found(token(world, new URLSearchParams(request.text)), { 'cache-control': 'no-store' })
  } catch (error) {
    if (!(error instanceof EntraError)) throw error
    return { status: error.status, headers: {}, body: error.body(world.now, world.requestIds) }
  }
}

/** The client that a request's token was given to; throws ARM's 401. */
export function principalOf(world: World, authorization: string | undefined): string {
  const { tenant } = world.settings
  const challenge = (description: string) => ({
    'www-authenticate': `Bearer authorization_uri="https://login.windows.net/${tenant}", error="invalid_token", error_description="${description}"`,
  })
  if (authorization === undefined) {
    const message = "Authentication failed. The 'Authorization' header is missing."
    throw new ArmError(401, 'AuthenticationFailed', message, { headers: challenge(message) })
  }
  const token = world.tokens.get(authorization.replace(/^Bearer /i, ''))
  if (token === undefined) {
    const message = 'The access token is invalid.'
    throw new ArmError(401, 'InvalidAuthenticationToken', message, { headers: challenge(message) })
  }
  if (token.expiresAt <= world.clock.wall()) {
    const at = (moment: number) => new Date(moment).toISOString()
    const message = `The access token expiry UTC time '${at(token.expiresAt)}' is earlier than current UTC time '${at(world.clock.wall())}'.`
    throw new ArmError(401, 'ExpiredAuthenticationToken', message, { headers: challenge(message) })
  }
  return token.clientId
}

function token(world: World, form: URLSearchParams) {
  if (form.get('grant_type') !== 'client_credentials') {
    throw new EntraError(
      'unsupported_grant_type',
      70003,
      "The app requested an unsupported grant type. Only 'client_credentials' is here.",
    )
  }
  const clientId = form.get('client_id') ?? ''
  if (!world.settings.clients.some(one => one.toLowerCase() === clientId.toLowerCase())) {
    const message = `Application with identifier '${clientId}' was not found in the directory.`
    throw new EntraError('unauthorized_client', 700016, message)
  }
  const scope = form.get('scope') ?? ''
  if (!scope.split(' ').some(one => RESOURCE.test(one))) {
    throw new EntraError(
      'invalid_scope',
      70011,
      `The provided value for the input parameter 'scope' is not valid: '${scope}'.`,
    )
  }
  if (form.get('client_assertion_type') !== ASSERTION_TYPE) {
    const message = `The request body must contain the following parameter: 'client_assertion' of the type '${ASSERTION_TYPE}'.`
    throw new EntraError('invalid_request', 900144, message)
  }
  checkAssertion(form.get('client_assertion') ?? '', world.clock.wall())
  const access = `simulated.${world.random.hex(40)}.${world.random.hex(40)}`
  const seconds = world.settings.tokenLifetimeSeconds
  world.tokens.set(access, { clientId, expiresAt: world.clock.wall() + seconds * 1000 })
  const oldest = world.tokens.keys().next().value
  if (world.tokens.size > TOKENS && oldest !== undefined) world.tokens.delete(oldest)
  return { token_type: 'Bearer', expires_in: seconds, ext_expires_in: seconds, access_token: access }
}

/** A projected service account token in form; the signature is not checked, what it claims is. */
function checkAssertion(assertion: string, now: number): void {
  const parts = assertion.split('.')
  const [header, payload] = parts.map(claims)
  if (parts.length !== 3 || header === undefined || payload === undefined) {
    throw new EntraError('invalid_client', 50027, 'JWT token is invalid or malformed.', 401)
  }
  const audiences = [payload.aud].flat().filter(audience => audience !== undefined)
  if (audiences.length > 0 && !audiences.includes(AUDIENCE)) {
    const message = `No matching federated identity record found for presented assertion audience '${String(payload.aud)}'.`
    throw new EntraError('invalid_client', 700212, message, 401)
  }
  if (typeof payload.exp === 'number' && payload.exp * 1000 <= now) {
    throw new EntraError('invalid_client', 700024, 'Client assertion is not within its valid time range.', 401)
  }
}

function claims(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined // Not JSON: the signature's part, or no token at all.
  }
}

function configuration(origin: string, tenant: string) {
  return {
    token_endpoint: `${origin}/${tenant}/oauth2/v2.0/token`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
    jwks_uri: `${origin}/${tenant}/discovery/v2.0/keys`,
    issuer: `${origin}/${tenant}/v2.0`,
    authorization_endpoint: `${origin}/${tenant}/oauth2/v2.0/authorize`,
    response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    tenant_region_scope: 'WW',
    cloud_instance_name: 'microsoftonline.com',
  }
}

function discovery(url: URL) {
  return {
    tenant_discovery_endpoint: `${url.origin}/common/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: url.host, preferred_cache: url.host, aliases: [url.host] }],
  }
}

function found(body: unknown, headers: Record<string, string> = {}): WireReply {
  return { status: 200, headers, body }
}

class EntraError extends Error {
  readonly #error: string
  readonly #number: number
  readonly status: number

  constructor(error: string, number: number, message: string, status = 400) {
    super(message)
    this.#error = error
    this.#number = number
    this.status = status
  }

  body(now: number, ids: Random) {
    return {
      error: this.#error,
      error_description: `AADSTS${this.#number}: ${this.message}`,
      error_codes: [this.#number],
      timestamp: new Date(now).toISOString(),
      trace_id: ids.uuid(),
      correlation_id: ids.uuid(),
    }
  }
}
