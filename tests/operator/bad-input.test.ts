// I8: input that Azure cannot do anything with is stalled in words that name the field and the remedy, is not asked for
// again and again, and is mended by editing the spec or the configuration, with the operator running on.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, type Scene, startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

const REGION = 'westeurope'
type Regions = World['catalogue']['regions']

/** The catalogue with one region changed, which a test may mend later. */
function catalogueWith(change: Partial<Regions[string]>): World['catalogue'] {
  const region = world.catalogue.regions[REGION]
  if (!region) throw new Error('The sample catalogue has lost its region.')
  return { ...world.catalogue, regions: { ...world.catalogue.regions, [REGION]: { ...region, ...change } } }
}

/** What it is stalled by, once it is; told as an event too. */
async function stalled(scene: Scene, reason: string): Promise<string> {
  const machine = await scene.machine(
    'solo',
    `is stalled by ${reason}`,
    m => condition(m.status?.conditions, 'Stalled')?.reason === reason,
  )
  expect(machine.status?.phase).toBe('Failed')
  await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes(reason))
  return condition(machine.status?.conditions, 'Stalled')?.message ?? ''
}

async function playsAndGoes(scene: Scene, uid: string): Promise<void> {
  await scene.machine('solo', 'is playable', isPlayable)
  await scene.delete('solo')
  await scene.gone('solo')
  expect(await world.azure.standing(uid)).toEqual([])
}

const refusals = async (uid: string) =>
  (await world.azure.calls(0)).filter(
    ({ method, path, status }) => method === 'PUT' && path.includes(uid) && status >= 400,
  )

test.concurrent('a size that Azure does not know: edit spec.size', async ({ onTestFinished }) => {
  const scene = await world.scene('size', onTestFinished)
  scene.operate()
  const uid = await scene.apply('solo', { size: 'Standard_NV99ads_A10_v9' })
  expect(await stalled(scene, 'InvalidParameter')).toContain('spec.size')
  expect(await refusals(uid)).toHaveLength(1)
  await scene.change('solo', { size: 'Standard_NV12ads_A10_v5' })
  await playsAndGoes(scene, uid)
})

test.concurrent('a subnet that is missing: mend subnetId in the catalogue', async ({ onTestFinished }) => {
  const scene = await world.scene('subnet', onTestFinished)
  const right = world.catalogue.regions[REGION]?.subnetId ?? ''
  const catalogue = catalogueWith({ subnetId: `${right}-gone` })
  scene.operate({ catalogue })
  const uid = await scene.apply('solo')
  expect(await stalled(scene, 'InvalidResourceReference')).toContain('subnetId')
  expect(await refusals(uid)).toHaveLength(1)
  Object.assign(catalogue.regions[REGION] ?? {}, { subnetId: right })
  await playsAndGoes(scene, uid)
})

test.concurrent('a resource group that is missing: mend resourceGroup in the catalogue', async ({ onTestFinished }) => {
  const scene = await world.scene('group', onTestFinished)
  const catalogue = catalogueWith({ resourceGroup: 'nowhere' })
  scene.operate({ catalogue })
  const uid = await scene.apply('solo')
  expect(await stalled(scene, 'ResourceGroupNotFound')).toContain('resourceGroup')
  Object.assign(catalogue.regions[REGION] ?? {}, { resourceGroup: world.catalogue.regions[REGION]?.resourceGroup })
  await playsAndGoes(scene, uid)
})

test.concurrent('a subscription that is not there: mend subscriptionId in the catalogue', async ({
  onTestFinished,
}) => {
  const scene = await world.scene('subscription', onTestFinished)
  const catalogue = catalogueWith({ subscriptionId: '00000000-0000-4000-8000-00000000dead' })
  scene.operate({ catalogue })
  const uid = await scene.apply('solo')
  expect(await stalled(scene, 'SubscriptionNotFound')).toContain('subscriptionId')
  Object.assign(catalogue.regions[REGION] ?? {}, { subscriptionId: world.catalogue.regions[REGION]?.subscriptionId })
  await playsAndGoes(scene, uid)
})

test.concurrent('a wrong tenant: the values to mend are named, and another start with the right one goes on', async ({
  onTestFinished,
}) => {
  const scene = await world.scene('tenant', onTestFinished)
  const wrong = { ...world.azure.settings, tenantId: '00000000-0000-4000-8000-00000000dead' }
  const operator = scene.operate({ azure: wrong })
  const uid = await scene.apply('solo')
  const shown = await scene.machine('solo', 'tells what is wrong', m => m.status?.lastError !== undefined)
  expect(shown.status?.lastError).toMatchObject({ code: 'AzureTenantUnresolved', retryable: true })
  expect(condition(shown.status?.conditions, 'Reconciling')?.message).toContain('azure.tenantId')
  expect(await world.azure.standing(uid)).toEqual([])
  await operator.stop()
  scene.operate()
  await playsAndGoes(scene, uid)
})
