// One operator, two subscriptions, an identity for each: what befalls one of them is no matter of the other's.
import { expect, test } from 'vitest'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, type Scene, type World } from './support/world.ts'

/** Each test's second subscription. */
const seconds = {
  each: '5ab5c81e-0000-4000-8000-00000000002a',
  identity: '5ab5c81e-0000-4000-8000-00000000002b',
  throttled: '5ab5c81e-0000-4000-8000-00000000002c',
  disabled: '5ab5c81e-0000-4000-8000-00000000002d',
}
const FIRST_CLIENT = 'c11e47a9-0000-4000-8000-00000000001c'
const SECOND_CLIENT = 'c11e47a9-0000-4000-8000-00000000002c'
/** Of the first subscription, and of the second. */
const [NEAR, FAR] = ['westeurope', 'northeurope']

/** What the simulator has to have for these tests. */
export const subscriptionArguments = [
  `--client=${FIRST_CLIENT}`,
  `--client=${SECOND_CLIENT}`,
  ...Object.values(seconds).flatMap(id => [
    `--subscription=${id}=${SECOND_CLIENT}`,
    `--resource-group=${id}/second=${FAR}`,
    `--virtual-network=${id}/second/wasd/machines=10.2.0.0/16`,
  ]),
]

const stallOf = async (scene: Scene, name: string, reason: string) => {
  const is = (status: Parameters<typeof isPlayable>[0]['status']) =>
    condition(status?.conditions, 'Stalled')?.reason === reason
  return await scene.machine(name, `is stalled by ${reason}`, ({ status }) => is(status))
}

async function bothPlay(scene: Scene): Promise<{ near: string; far: string }> {
  const near = await scene.apply('near', { region: NEAR })
  const far = await scene.apply('far', { region: FAR })
  await scene.machine('near', 'is playable', isPlayable)
  await scene.machine('far', 'is playable', isPlayable)
  return { near, far }
}

export function subscriptionsStandApart(world: () => World): void {
  function catalogueWith(second: string): World['catalogue'] {
    const { regions } = world().catalogue
    const far = {
      ...regions[FAR],
      title: 'Dublin',
      probeCIDRs: regions[FAR]?.probeCIDRs ?? [],
      subscriptionId: second,
      resourceGroup: 'second',
      subnetId: `/subscriptions/${second}/resourceGroups/second/providers/Microsoft.Network/virtualNetworks/wasd/subnets/machines`,
    }
    const { networkSecurityGroupId: _none, ...withoutGroup } = far
    const { tenantId } = world().azure.settings
    const subscriptions = { [second]: { tenantId, clientId: SECOND_CLIENT } }
    return { ...world().catalogue, regions: { ...regions, [FAR]: withoutGroup }, subscriptions }
  }

  async function bothGo(scene: Scene, uids: { near: string; far: string }): Promise<void> {
    for (const name of ['near', 'far']) await scene.delete(name)
    for (const name of ['near', 'far']) await scene.gone(name)
    for (const uid of Object.values(uids)) expect(await world().azure.standing(uid)).toEqual([])
  }

  test.concurrent('each machine stands in its own subscription, asked for by that one’s identity alone', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('each', onTestFinished)
    scene.operate({ catalogue: catalogueWith(seconds.each), isBudgeted: true })
    const uids = await bothPlay(scene)
    const ids = (await world().azure.of(uids.far)).virtualMachines.map(({ id }) => id)
    expect(ids).toEqual([expect.stringContaining(`/subscriptions/${seconds.each}/`)])
    await bothGo(scene, uids)
  })

  test.concurrent('the second subscription turns the first one’s identity away: only its machine is stalled', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('identity', onTestFinished)
    const catalogue = catalogueWith(seconds.identity)
    const subscriptions: NonNullable<World['catalogue']['subscriptions']> = {}
    scene.operate({ catalogue: { ...catalogue, subscriptions }, isBudgeted: true })
    const uids = { near: await scene.apply('near', { region: NEAR }), far: await scene.apply('far', { region: FAR }) }
    await stallOf(scene, 'far', 'AuthorizationFailed')
    await scene.machine('near', 'is playable', isPlayable)
    Object.assign(subscriptions, catalogue.subscriptions)
    await scene.machine('far', 'is playable', isPlayable)
    await bothGo(scene, uids)
  })

  test.concurrent('a 429 in one leaves the other alone: evicted, it is rebuilt while the throttled one waits', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('throttled', onTestFinished)
    scene.operate({ catalogue: catalogueWith(seconds.throttled), isBudgeted: true })
    const near = await scene.apply('near', { region: NEAR })
    await scene.machine('near', 'is playable', isPlayable)
    const fault = await azure.fault(
      { resource: seconds.throttled, times: null },
      { throttle: { retryAfterSeconds: 1 } },
    )
    const mark = await azure.mark()
    const far = await scene.apply('far', { region: FAR })
    await scene.until('the other one is throttled', async () =>
      (await azure.calls(mark)).some(({ path, status }) => status === 429 && path.includes(seconds.throttled)),
    )
    await azure.evict(`gvm-${near}-vm-1`)
    await scene.machine('near', 'is rebuilt', m => m.status?.incarnation?.number === 2 && isPlayable(m))
    const calls = await azure.calls(mark)
    const ofTheFirst = calls.filter(({ path }) => path.includes(near) || path.includes('statusOnly'))
    expect(ofTheFirst.filter(({ path, status }) => status === 429 && !path.includes(seconds.throttled))).toEqual([])
    expect(await azure.standing(far)).toEqual([])
    await azure.faultless(fault)
    await scene.machine('far', 'is playable', isPlayable)
    await bothGo(scene, { near, far })
  })

  test.concurrent('a disabled subscription stalls its own machines only, with words; enabled again, they go on', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('disabled', onTestFinished)
    scene.operate({ catalogue: catalogueWith(seconds.disabled), isBudgeted: true, sweep: true })
    await azure.control('POST', 'subscription', { subscription: seconds.disabled, state: 'Disabled' })
    const uids = { near: await scene.apply('near', { region: NEAR }), far: await scene.apply('far', { region: FAR }) }
    const stalled = await stallOf(scene, 'far', 'ReadOnlyDisabledSubscription')
    expect(condition(stalled.status?.conditions, 'Stalled')?.message).toContain("Check the region's subscriptionId")
    await scene.machine('near', 'is playable', isPlayable)
    await azure.evict(`gvm-${uids.near}-vm-1`)
    await scene.machine('near', 'is rebuilt', m => m.status?.incarnation?.number === 2 && isPlayable(m))
    await azure.control('POST', 'subscription', { subscription: seconds.disabled, state: 'Enabled' })
    await scene.machine('far', 'is playable', isPlayable)
    await bothGo(scene, uids)
  })
}
