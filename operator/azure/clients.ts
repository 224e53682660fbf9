// The SDK's clients, one pair for each subscription, all on one credential.
import { ComputeManagementClient } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { type TokenCredential, WorkloadIdentityCredential } from '@azure/identity'

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
    known.set(subscriptionId, clients)
    return clients
  }
}

function createCredential(settings: AzureSettings): TokenCredential {
  const { tenantId, clientId, federatedTokenFile: tokenFilePath, authorityHost } = settings
  // Microsoft vouches for its own authorities only; a private cloud's must be believed as configured.
  const disableInstanceDiscovery = !PUBLIC_AUTHORITIES.includes(new URL(authorityHost).host)
  return new WorkloadIdentityCredential({ tenantId, clientId, tokenFilePath, authorityHost, disableInstanceDiscovery })
}
