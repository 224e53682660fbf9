import { expect, test } from 'vitest'
import { createClients } from './clients.ts'
import { lookAtOperation } from './operations.ts'

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
