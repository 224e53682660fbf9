// Who the operator is, subscription by subscription: the real credentials against Entra's simulator.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { createClients, credentials, type Identity } from '../../operator/azure/clients.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import { type AzureWorld, startAzure } from './support/azure.ts'

const OTHER = '7a0c7f1e-5b2e-4e0e-9d52-0f6a3f3d9c11'
const subscription = '00000000-0000-4000-8000-000000000001'

let folder: string
let azure: AzureWorld
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identities-'))
  const catalogue = parseCatalogue(await readFile(join(import.meta.dirname, '../../manifests/catalogue.yaml'), 'utf8'))
  azure = await startAzure({ catalogue, folder, speed: 100, args: [`--client=${OTHER}`] })
})
afterAll(async () => {
  await azure.stop()
  await rm(folder, { recursive: true, force: true })
})

const fleetAs = async (identityOf: (subscriptionId: string) => Identity | undefined) => {
  const settings = { ...azure.settings, clientId: '11111111-1111-4111-8111-111111111111' }
  const clients = createClients(settings, credentials(settings, identityOf))
  return await createAzure(settings, clients).fleet(subscription, AbortSignal.timeout(20_000))
}

test('a subscription is asked under the identity that the catalogue has for it', async () => {
  const { tenantId } = azure.settings
  expect(await fleetAs(id => (id === subscription ? { tenantId, clientId: OTHER } : undefined))).toEqual([])
})

test('without one, as the settings say; an identity that Entra does not know is refused by a code', async () => {
  await expect(fleetAs(() => undefined)).rejects.toMatchObject({ code: 'AzureCredentialsRefused' })
})
