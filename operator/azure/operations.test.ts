import { ComputeManagementClient } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { createHttpHeaders, type HttpClient } from '@azure/core-rest-pipeline'
import { expect, test } from 'vitest'
import { createClients } from './clients.ts'
import { accepted, lookAtOperation } from './operations.ts'

const endpoint = 'https://management.azure.com'
const clients = createClients({
  tenantId: 'tenant',
  clientId: 'client',
  federatedTokenFile: '/does/not/exist',
  authorityHost: 'https://login.microsoftonline.com',
  resourceManagerEndpoint: endpoint,
})('subscription')
const look = (poller: string) => lookAtOperation(clients, { poller, endpoint, signal: AbortSignal.timeout(5000) })

test.each([
  ['another host', '{"state":{"status":"running","config":{"operationLocation":"https://evil.example/operations/1"}}}'],
  [
    'a host that begins like it',
    '{"state":{"config":{"operationLocation":"https://management.azure.com.evil.example/1"}}}',
  ],
  ['another port', '{"state":{"config":{"operationLocation":"https://management.azure.com:8443/1"}}}'],
  ['no encryption', '{"state":{"config":{"operationLocation":"http://management.azure.com/1"}}}'],
  [
    'a user in front of the host',
    '{"state":{"config":{"operationLocation":"https://management.azure.com@evil.example/1"}}}',
  ],
  ['no poller at all', 'yesterday, all my troubles'],
])('our token goes nowhere but to Azure: a stored poller with %s is not followed', async (_title, poller) => {
  expect(await look(poller)).toEqual({ is: 'Forgotten' })
})

/** One look at what Azure has accepted, to which it answers so. */
async function answered(provider: 'Compute' | 'Network', status: number, body: object) {
  const operation = `${endpoint}/subscriptions/subscription/providers/Microsoft.${provider}/locations/x/operations/1`
  const httpClient: HttpClient = {
    sendRequest: async request =>
      request.method === 'DELETE'
        ? { request, status: 202, headers: createHttpHeaders({ 'azure-asyncoperation': operation }) }
        : { request, status, headers: createHttpHeaders(), bodyAsText: JSON.stringify(body) },
  }
  const credential = { getToken: async () => ({ token: 'token', expiresOnTimestamp: Number.MAX_SAFE_INTEGER }) }
  const options = { endpoint, httpClient, retryOptions: { maxRetries: 0 } }
  const compute = new ComputeManagementClient(credential, 'subscription', options)
  const network = new NetworkManagementClient(credential, 'subscription', options)
  const { poller } = await accepted(
    provider === 'Compute' ? compute.disks.delete('group', 'one') : network.networkInterfaces.delete('group', 'one'),
  )
  const signal = AbortSignal.timeout(5000)
  return await lookAtOperation({ ...clients, compute, network }, { poller, endpoint, signal })
}

const no = (code: string) => ({ error: { code, message: 'No.' } })

test.each(['Compute', 'Network'] as const)(
  'of %s, one that our role may not look at is as good as forgotten; one of which Azure does not tell now is not',
  async provider => {
    expect(await answered(provider, 403, no('AuthorizationFailed'))).toEqual({ is: 'Forgotten' })
    expect(await answered(provider, 404, no('NotFound'))).toEqual({ is: 'Forgotten' })
    expect(await answered(provider, 200, { status: 'InProgress' })).toEqual({ is: 'Running' })
    await expect(answered(provider, 429, no('TooManyRequests'))).rejects.toMatchObject({ status: 429 })
    await expect(answered(provider, 500, no('InternalServerError'))).rejects.toMatchObject({ status: 500 })
  },
)
