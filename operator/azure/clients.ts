// The SDK's clients, one pair for each subscription, all on one credential.

import { Agent } from 'node:https'
import { ComputeManagementClient } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { ResourceGraphClient } from '@azure/arm-resourcegraph'
import { ResourceManagementClient } from '@azure/arm-resources'
import {
  agentPolicy,
  type PipelinePolicy,
  type PipelineRequest,
  RestError,
  bearerTokenAuthenticationPolicyName as TOKEN,
} from '@azure/core-rest-pipeline'
import { type TokenCredential, WorkloadIdentityCredential } from '@azure/identity'
import type { Budget, Urgency } from './budget.ts'
import { listening } from './entra.ts'
import { fence } from './fence.ts'
import { limitsOf, readingsOf } from './limits.ts'
import { uidIn } from './names.ts'

type AbortSignalLike = NonNullable<PipelineRequest['abortSignal']>

export interface Identity {
  tenantId: string
  clientId: string
}

export interface AzureSettings extends Identity {
  /** The projected service account token, re-read by the credential (audience `api://AzureADTokenExchange`). */
  federatedTokenFile: string
  authorityHost: string
  resourceManagerEndpoint: string
}

export interface SubscriptionClients {
  compute: ComputeManagementClient
  network: NetworkManagementClient
  graph: ResourceGraphClient
  resources: ResourceManagementClient
}

/** How the calls of these clients stand in line with all others. */
export interface Turn {
  budget: Budget
  urgency: Urgency
  /** Azure's short name of the region that the resource group is used for; `undefined` when the catalogue has none. */
  regionOf: (subscriptionId: string, resourceGroup: string) => string | undefined
}

export interface Sending {
  turn?: Turn
  /** Throws while nothing may be changed. */
  permit?: () => void
}

export type ClientsOf = (subscriptionId: string) => SubscriptionClients

/**
 * Connections to Azure at once, as many as machines are looked at. They are kept until Azure closes them: Node's own agent
 * drops them after five seconds, and a hundred evictions would begin with a hundred handshakes.
 */
const CONNECTIONS = 64
const connections = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS })

/** For one request to be answered. ARM answers in a second; its long work goes on after the answer. */
const ANSWER_SECONDS = 30

/** The clouds whose resource manager wants tokens for itself; for anything else the public cloud's audience holds. */
const SOVEREIGN_HOSTS = ['management.usgovcloudapi.net', 'management.chinacloudapi.cn']
const PUBLIC_SCOPE = 'https://management.azure.com/.default'
const PUBLIC_AUTHORITIES = ['login.microsoftonline.com', 'login.microsoftonline.us', 'login.chinacloudapi.cn']

/** One for each identity, so that its token is fetched once, whoever asks. */
export type CredentialOf = (subscriptionId: string) => TokenCredential

export function createClients(
  settings: AzureSettings,
  credentialOf: CredentialOf = credentials(settings),
  { turn, permit }: Sending = {},
): ClientsOf {
  const host = new URL(settings.resourceManagerEndpoint).host
  const options = {
    endpoint: settings.resourceManagerEndpoint,
    credentials: { scopes: [SOVEREIGN_HOSTS.includes(host) ? `https://${host}/.default` : PUBLIC_SCOPE] },
    // The SDK's own retries block a worker and are shorter than real throttling windows; a requeue is neither.
    retryOptions: { maxRetries: 0 },
  }
  const isEncrypted = settings.resourceManagerEndpoint.startsWith('https:')
  const known = new Map<string, { credential: TokenCredential; clients: SubscriptionClients }>()

  return subscriptionId => {
    const credential = credentialOf(subscriptionId)
    const existing = known.get(subscriptionId)
    if (existing?.credential === credential) return existing.clients
    const clients = {
      compute: new ComputeManagementClient(credential, subscriptionId, options),
      network: new NetworkManagementClient(credential, subscriptionId, options),
      graph: new ResourceGraphClient(credential, subscriptionId, options),
      resources: new ResourceManagementClient(credential, subscriptionId, options),
    }
    for (const { pipeline } of Object.values(clients)) {
      if (isEncrypted) pipeline.addPolicy(agentPolicy(connections))
      // First it stands in line; then the token is fetched and the call sent, in so many seconds; and at the very last it is
      // asked whether it may be sent at all. Left to itself, the SDK fetches the token before anything of ours.
      if (turn) pipeline.addPolicy(inTurn(turn), { beforePolicies: [TOKEN] })
      pipeline.addPolicy(deadline(ANSWER_SECONDS), { afterPolicies: ['budget'], beforePolicies: [TOKEN] })
      if (permit) pipeline.addPolicy(fence(permit), { afterPhase: 'Sign' })
    }
    known.set(subscriptionId, { credential, clients })
    return clients
  }
}

/** Sends a call when the budget has room for it, and tells the budget what the reply says is left. */
export function inTurn({ budget, urgency, regionOf }: Turn): PipelinePolicy {
  return {
    name: 'budget',
    async sendRequest(request, next) {
      const { method, url, abortSignal } = request
      const [, subscription = '', group = ''] = /\/subscriptions\/([^/]+)\/resourceGroups\/([^/?]+)/i.exec(url) ?? []
      const call = { method, url, region: group === '' ? undefined : regionOf(subscription, group) }
      const signal = abortSignal ? toSignal(abortSignal) : new AbortController().signal
      const admission = await budget.admit(limitsOf(call), urgency, signal, uidIn(url))
      try {
        const response = await next(request)
        const { status, headers, bodyAsText } = response
        admission.settled(
          readingsOf(call, { status, header: name => headers.get(name), body: bodyAsText ?? undefined }),
        )
        return response
      } finally {
        admission.settled([])
      }
    },
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

/** `identityOf` tells who we are in a subscription, where that is not who the settings say; it is asked at each call. */
export function credentials(
  settings: AzureSettings,
  identityOf: (subscriptionId: string) => Identity | undefined = () => undefined,
): CredentialOf {
  const known = new Map<string, TokenCredential>()
  return subscriptionId => {
    const identity = { ...settings, ...identityOf(subscriptionId) }
    const name = `${identity.tenantId}/${identity.clientId}`
    const credential = known.get(name) ?? createCredential(identity)
    known.set(name, credential)
    return credential
  }
}

function createCredential(settings: AzureSettings): TokenCredential {
  const { tenantId, clientId, federatedTokenFile: tokenFilePath, authorityHost } = settings
  // Microsoft vouches for its own authorities only; a private cloud's must be believed as configured.
  const disableInstanceDiscovery = !PUBLIC_AUTHORITIES.includes(new URL(authorityHost).host)
  return listening(
    policy =>
      new WorkloadIdentityCredential({
        ...{ tenantId, clientId, tokenFilePath, authorityHost, disableInstanceDiscovery },
        additionalPolicies: [{ policy, position: 'perCall' }],
      }),
  )
}
