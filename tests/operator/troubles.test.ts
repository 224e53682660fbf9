// What befalls a machine that is no eviction and no refusal: a sick host, a person with the portal open.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAzure } from '../../operator/azure/sdk.ts'
import { isPlayable, startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

test.concurrent('I6: on a host that Azure knows to be sick it is moved once, and plays on at the same address from the same disk', async ({
  onTestFinished,
}) => {
  const { azure } = world
  const scene = await world.scene('sick', onTestFinished)
  scene.operate()
  const uid = await scene.apply('solo')
  const before = await scene.machine('solo', 'is playable', isPlayable)
  await azure.control('POST', 'host-failure', { vm: `gvm-${uid}-vm-1` })
  await scene.machine('solo', 'is silent', m => !isPlayable(m) && m.status?.powerState === 'Running')
  const after = await scene.machine(
    'solo',
    'is playable again',
    m => m.status?.redeployedAt !== undefined && isPlayable(m),
  )
  expect(after.status).toMatchObject({
    publicIP: before.status?.publicIP,
    vmId: before.status?.vmId,
    incarnation: { number: 1, priority: 'Spot' },
  })
  expect(after.status?.evictions).toBeUndefined()
  const calls = (await azure.calls(0)).filter(({ path, method }) => path.includes(uid) && method === 'POST')
  expect(calls.map(({ kind }) => kind)).toEqual(['POST virtualMachines/redeploy'])
  await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes('HostSick'))
  await scene.delete('solo')
  await scene.gone('solo')
  expect(await azure.standing(uid)).toEqual([])
})

test.concurrent('deallocated by a person it was not evicted: it is started again as it was, and the person is told how to stop it', async ({
  onTestFinished,
}) => {
  const { azure } = world
  const scene = await world.scene('by-hand', onTestFinished)
  scene.operate()
  const uid = await scene.apply('solo')
  const before = await scene.machine('solo', 'is playable', isPlayable)
  const { subscriptionId = '', resourceGroup = '' } = world.catalogue.regions.westeurope ?? {}
  const place = { subscriptionId, resourceGroup, region: 'westeurope' }
  await createAzure(azure.settings).deallocateVirtualMachine(place, `gvm-${uid}-vm-1`, AbortSignal.timeout(5000))
  const down = await scene.machine('solo', 'is down', m => !isPlayable(m))
  expect(down.status?.evictions).toBeUndefined()
  const after = await scene.machine('solo', 'is playable again', isPlayable)
  expect(after.status).toMatchObject({ priority: 'Spot', vmId: before.status?.vmId, incarnation: { number: 1 } })
  expect(after.status?.evictions).toBeUndefined()
  await scene.until('it is told', async () => (await scene.eventsOf('solo')).includes('StoppedByOthers'))
  expect(await scene.eventsOf('solo')).not.toContain('Evicted')
  await scene.delete('solo')
  await scene.gone('solo')
  expect(await azure.standing(uid)).toEqual([])
})
