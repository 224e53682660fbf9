// Who the operator is, subscription by subscription: the real credentials against Entra's simulator.
import { expect, test } from 'vitest'
import { systemClock } from '../../lib/process/clock.ts'
import { budget } from '../../operator/azure/budget.ts'
import { createClients, credentials, type Identity } from '../../operator/azure/clients.ts'
import { decideOn } from '../../operator/azure/decisions.ts'
import { AzureError } from '../../operator/azure/errors.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import { sharedAzure } from './support/shared-azure.ts'

const OTHER = '7a0c7f1e-5b2e-4e0e-9d52-0f6a3f3d9c11'
const THIRD = '7a0c7f1e-5b2e-4e0e-9d52-0f6a3f3d9c33'
const SECOND = '5ab5c81e-0000-4000-8000-00000000002d'
const subscription = '00000000-0000-4000-8000-000000000001'

const azure = sharedAzure([
  `--client=${OTHER}`,
  `--client=${THIRD}`,
  `--subscription=${SECOND}=${THIRD}`,
  `--resource-group=${SECOND}/second=northeurope`,
])

const fleetAs = async (identityOf: (subscriptionId: string) => Identity | undefined) => {
  const settings = { ...azure().settings, clientId: '11111111-1111-4111-8111-111111111111' }
  const clients = createClients(settings, credentials(settings, identityOf))
  return await createAzure(settings, clients).fleet(subscription, AbortSignal.timeout(20_000))
}

test('a subscription is asked under the identity that the catalogue has for it', async () => {
  const { tenantId } = azure().settings
  expect(await fleetAs(id => (id === subscription ? { tenantId, clientId: OTHER } : undefined))).toEqual([])
})

test('without one, as the settings say; an identity that Entra does not know is refused by a code', async () => {
  await expect(fleetAs(() => undefined)).rejects.toMatchObject({ code: 'AzureCredentialsRefused' })
})

/** Of both subscriptions, on one budget, each under its own identity; or under the same, where `identities` says so. */
function both(identities: 'Own' | 'Same' = 'Own') {
  const { settings } = azure()
  const identityOf = (id: string) =>
    id === SECOND && identities === 'Own' ? { tenantId: settings.tenantId, clientId: THIRD } : undefined
  const turn = {
    budget: budget({ clock: systemClock }),
    urgency: 'Standing' as const,
    regionOf: (id: string) => (id === SECOND ? 'northeurope' : 'westeurope'),
  }
  return createAzure(settings, createClients(settings, credentials(settings, identityOf), { turn }))
}

const signal = () => AbortSignal.timeout(20_000)
const near = { subscriptionId: subscription, resourceGroup: 'wasd-westeurope', region: 'westeurope' }
const far = { subscriptionId: SECOND, resourceGroup: 'second', region: 'northeurope' }
const address = { name: 'ip', redundancy: 'Regional' as const, tags: {} }

test('two subscriptions: each takes what its own identity asks for, and turns the other one away', async () => {
  await both().putPublicIPAddress(near, address, signal())
  await both().putPublicIPAddress(far, address, signal())
  expect((await both().publicIPAddress(far, 'ip', signal()))?.id).toContain(`/subscriptions/${SECOND}/`)
  await expect(both('Same').publicIPAddress(far, 'ip', signal())).rejects.toMatchObject({ code: 'AuthorizationFailed' })
})

test('a 429 in one pauses that one, unasked, and leaves the other alone', async () => {
  const asked = both()
  const mark = await azure().mark()
  await azure().fault({ resource: SECOND }, { throttle: { retryAfterSeconds: 60 } })
  await expect(asked.fleet(SECOND, signal())).rejects.toMatchObject({ status: 429 })
  await expect(asked.fleet(SECOND, signal())).rejects.toMatchObject({ code: 'RequestBudgetSpent' })
  expect(await asked.fleet(subscription, signal())).toEqual([])
  const calls = (await azure().calls(mark)).map(({ path, status }) => `${path.split('/')[2]} ${status}`)
  expect(calls).toEqual([`${SECOND} 429`, `${subscription} 200`])
})

test('a disabled one refuses every change, with words that stall its machines only, and is read on', async () => {
  const setTo = async (state: string) => await azure().control('POST', 'subscription', { subscription: SECOND, state })
  await setTo('Disabled')
  const refusal = await both()
    .putPublicIPAddress(far, address, signal())
    .catch((error: unknown) => error)
  expect(refusal).toMatchObject({ code: 'ReadOnlyDisabledSubscription' })
  expect(refusal instanceof AzureError && decideOn(refusal)).toMatchObject({
    do: 'Stall',
    remedy: expect.stringContaining("the region's subscriptionId"),
  })
  expect((await both().publicIPAddress(far, 'ip', signal()))?.address).toBeDefined()
  await both().putPublicIPAddress(near, address, signal())
  await setTo('Enabled')
  await both().putPublicIPAddress(far, address, signal())
})
