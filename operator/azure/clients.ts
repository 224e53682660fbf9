// The SDK's clients, one pair for each subscription, all on one credential.
import { ComputeManagementClient } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { type PipelinePolicy, type PipelineRequest, RestError } from '@azure/core-rest-pipeline'
import { type TokenCredential, WorkloadIdentityCredential } from '@azure/identity'

type AbortSignalLike = NonNullable<PipelineRequest['abortSignal']>

export interface AzureSettings {
  tenantId: string
  clientId: string
  /** The projected service account token, re-read by the credential (audience `api://AzureADTokenExchange`). */
  federatedTokenFile: string
  authorityHost: string
  resourceManagerEndpoint: string
}

export interface SubscriptionClients {
  compute: ComputeManagementClient
  network: NetworkManagementClient
}

export type ClientsOf = (subscriptionId: string) => SubscriptionClients

/** For one request to be answered. ARM answers in a second; its long work goes on after the answer. */
const ANSWER_SECONDS = 30

/** The clouds whose resource manager wants tokens for itself; for anything else the public cloud's audience holds. */
const SOVEREIGN_HOSTS = ['management.usgovcloudapi.net', 'management.chinacloudapi.cn']
const PUBLIC_SCOPE = 'https://management.azure.com/.default'
const PUBLIC_AUTHORITIES = ['login.microsoftonline.com', 'login.microsoftonline.us', 'login.chinacloudapi.cn']

export function createClients(settings: AzureSettings): ClientsOf {
  const credential = createCredential(settings)
  const host = new URL(settings.resourceManagerEndpoint).host
  const options = {
    endpoint: settings.resourceManagerEndpoint,
    credentials: { scopes: [SOVEREIGN_HOSTS.includes(host) ? `https://${host}/.default` : PUBLIC_SCOPE] },
    // The SDK's own retries block a worker and are shorter than real throttling windows; a requeue is neither.
    retryOptions: { maxRetries: 0 },
  }
  const known = new Map<string, SubscriptionClients>()

  return subscriptionId => {
    const existing = known.get(subscriptionId)
    if (existing) return existing
    const clients = {
      compute: new ComputeManagementClient(credential, subscriptionId, options),
      network: new NetworkManagementClient(credential, subscriptionId, options),
    }
    for (const { pipeline } of Object.values(clients)) pipeline.addPolicy(deadline(ANSWER_SECONDS))
    known.set(subscriptionId, clients)
    return clients
  }
}

/** Makes of a connection over which nothing comes any more what it is: no answer. The token's request counts too. */
export function deadline(seconds: number): PipelinePolicy {
  return {
    name: 'deadline',
    async sendRequest(request, next) {
      const given = request.abortSignal
      const late = AbortSignal.timeout(seconds * 1000)
      request.abortSignal = given ? AbortSignal.any([toSignal(given), late]) : late
      try {
        return await next(request)
      } catch (error) {
        if (!late.aborted || given?.aborted) throw error
        throw new RestError(`nothing came within ${seconds} s`, { code: RestError.REQUEST_SEND_ERROR, request })
      } finally {
        if (given) request.abortSignal = given
        else delete request.abortSignal
      }
    },
  }
}

/** The SDK's own kind of signal has less to it than the platform's. */
function toSignal(signal: AbortSignalLike): AbortSignal {
  if (signal instanceof AbortSignal) return signal
  const controller = new AbortController()
  if (signal.aborted) controller.abort()
  signal.addEventListener('abort', () => controller.abort())
  return controller.signal
}

function createCredential(settings: AzureSettings): TokenCredential {
  const { tenantId, clientId, federatedTokenFile: tokenFilePath, authorityHost } = settings
  // Microsoft vouches for its own authorities only; a private cloud's must be believed as configured.
  const disableInstanceDiscovery = !PUBLIC_AUTHORITIES.includes(new URL(authorityHost).host)
  return new WorkloadIdentityCredential({ tenantId, clientId, tokenFilePath, authorityHost, disableInstanceDiscovery })
}
