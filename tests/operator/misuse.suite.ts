// What happens when somebody does what they should not. Each case has a decided result, told in docs/kubernetes.md.
import { expect, test } from 'vitest'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { controllerReference } from '../../lib/kube/resource.ts'
import { INSTALLATION, type Operator } from './support/operator.ts'
import { isPlayable, isReady, REGION, type World } from './support/world.ts'

const MACHINE = `evening-${REGION}`
const FINALIZER = 'wasd.cloud/operator'
const is = (phase: string) => (session: GameSession) => session.status?.phase === phase
const waitsFor = (reason: string) => (session: GameSession) =>
  condition(session.status?.conditions, 'Ready')?.reason === reason
const isVmPut = ({ kind }: { kind: string }) => kind === 'PUT virtualMachines'

export function misuseIsAnswered(world: () => World): void {
  test.concurrent('I4: an edited status is written again as it was: no second is invented, none is lost, nothing ends', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('edited', onTestFinished)
    const operator = scene.operate({ sessions: true })
    await scene.play('evening')
    const { status } = await scene.session('evening', 'runs', is('Running'))
    const machine = await scene.machine(MACHINE, 'is playable', m => isPlayable(m) && isReady(m))

    const lies = { billing: { seconds: 9, since: null }, endReason: 'PlayerEnded', phase: 'Ended', evictions: 7 }
    await scene.edit(gameSessions, 'evening', lies)
    const mended = await scene.session('evening', 'is as it was', is('Running'))
    expect(mended.status).toEqual(status)

    await scene.edit(gpuVms, MACHINE, { incarnation: { number: 9 }, publicIP: '192.0.2.1', vmId: 'other' })
    const itself = await scene.machine(MACHINE, 'is as it was', m => m.status?.incarnation?.number === 1)
    expect(itself.status).toEqual(machine.status)
    for (const name of ['evening', MACHINE])
      await scene.until(`${name} is told`, async () => (await scene.eventsOf(name)).includes('StatusEdited'))

    // While nobody watched, only what time itself contradicts can be told from the truth.
    await operator.stop()
    await scene.edit(gameSessions, 'evening', { billing: { seconds: 900_000 } })
    scene.operate({ sessions: true })
    const after = await scene.session('evening', 'is put right', s => (s.status?.billing?.seconds ?? 0) < 900_000)
    expect(after.status?.billing?.seconds).toBeLessThan(200)
    expect(
      (await world().azure.calls(0)).filter(call => isVmPut(call) && call.path.includes(uidOf(machine))),
    ).toHaveLength(1)
  })

  test.concurrent('I2: a finalizer that somebody takes off is put back while the object lives, and nothing is left when it vanishes', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('unbolted', onTestFinished)
    const first = scene.operate({ sessions: true })
    await scene.play('evening')
    await scene.session('evening', 'runs', is('Running'))
    await scene.want('evening', { metadata: { finalizers: [] } })
    await scene.session('evening', 'has it back', ({ metadata }) => metadata.finalizers?.includes(FINALIZER) === true)
    const { metadata } = await scene.machine(MACHINE, 'is there', () => true)
    await world().kube.mergePatch(
      gpuVms,
      { namespace: scene.namespace, name: MACHINE },
      { metadata: { finalizers: [] } },
    )
    await scene.machine(MACHINE, 'has it back', m => m.metadata.finalizers?.includes(FINALIZER) === true)

    await first.stop()
    await scene.lose(MACHINE)
    scene.operate({ sessions: true, sweep: true })
    const { uid: another } = (await scene.machine(MACHINE, 'is another', m => m.metadata.uid !== metadata.uid)).metadata
    await scene.session('evening', 'runs again', s => is('Running')(s) && s.status?.vm?.uid === another)
    // It goes on with what Azure holds of the one before, under the names of that one.
    expect(await azure.standing(metadata.uid)).toHaveLength(4)
    expect(await azure.standing(another)).toEqual([])

    // Deleted while something else holds it, it takes no finalizer any more, and gives everything back all the same.
    const held = ['example.com/held']
    await world().kube.mergePatch(
      gpuVms,
      { namespace: scene.namespace, name: MACHINE },
      { metadata: { finalizers: held } },
    )
    await scene.delete(MACHINE)
    await world().kube.mergePatch(
      gpuVms,
      { namespace: scene.namespace, name: MACHINE },
      { metadata: { finalizers: held } },
    )
    await scene.until('nothing is left of it', async () => (await azure.standing(metadata.uid)).length === 0)
    await world().kube.mergePatch(
      gpuVms,
      { namespace: scene.namespace, name: MACHINE },
      { metadata: { finalizers: [] } },
    )
  })

  test.concurrent('a GpuVm deleted under its session is replaced, and the gap is not billed', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('bereft', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening')
    const before = await scene.session('evening', 'runs', is('Running'))
    await scene.delete(MACHINE)
    const recovering = await scene.session('evening', 'recovers', is('Recovering'))
    expect(recovering.status?.billing?.since).toBeUndefined()
    const ready = condition(recovering.status?.conditions, 'Ready')
    expect(ready).toMatchObject({ reason: 'MachineDeleted', message: expect.stringContaining('not by the session') })
    const after = await scene.session(
      'evening',
      'runs on',
      s => is('Running')(s) && s.status?.vm?.uid !== before.status?.vm?.uid,
    )
    const [interruption] = after.status?.interruptions ?? []
    expect(Date.parse(after.status?.billing?.since ?? '')).toBeGreaterThanOrEqual(
      Date.parse(interruption?.since ?? '') + (interruption?.seconds ?? 0) * 1000,
    )
  })

  test.concurrent('I1: the younger of two sessions of one player waits for the other, across namespaces too', async ({
    onTestFinished,
  }) => {
    const here = await world().scene('here', onTestFinished)
    const there = await world().scene('there', onTestFinished)
    const made = [await there.play('evening', { player: 'ada' }), await here.play('evening', { player: 'ada' })]
    // Made within one second they are of one age, and the UID decides.
    const age = ({ metadata }: GameSession) => `${metadata.creationTimestamp} ${metadata.uid}`
    const [first] = made.toSorted((one, other) => (age(one) < age(other) ? -1 : 1))
    const [elder, younger] = first?.metadata.namespace === 'there' ? [there, here] : [here, there]
    here.operate({ sessions: true, others: [there.namespace] })
    await elder.session('evening', 'runs', is('Running'))
    const waiting = await younger.session('evening', 'waits', waitsFor('PlayerBusy'))
    expect(condition(waiting.status?.conditions, 'Ready')?.message).toContain(`${elder.namespace}/evening`)
    expect(waiting.status).toMatchObject({ phase: 'Pending', billing: { seconds: 0 } })
    expect((await world().kube.list(gpuVms, { namespace: younger.namespace })).items).toEqual([])
    await elder.want('evening', { spec: { desiredState: 'Ended' } })
    await younger.session('evening', 'has its turn', is('Running'))
  })

  test.concurrent('a session whose machine’s name is taken waits and says by whom; the other’s machine is not touched', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('taken', onTestFinished)
    scene.operate({ sessions: true })
    await scene.apply(MACHINE, { powerState: 'Deallocated' })
    const before = await scene.machine(MACHINE, 'is at rest', isReady)
    await scene.play('evening')
    const waiting = await scene.session('evening', 'waits', waitsFor('MachineNameTaken'))
    expect(condition(waiting.status?.conditions, 'Ready')?.message).toContain(MACHINE)
    expect(await scene.get(MACHINE)).toEqual(before)

    // Made another's by its owner references, it is given up by the session that it was made for, which gets another.
    await scene.delete(MACHINE)
    const session = await scene.session('evening', 'runs', is('Running'))
    const made = await scene.machine(
      MACHINE,
      'is its own',
      m => m.metadata.ownerReferences?.[0]?.uid === session.metadata.uid,
    )
    const rival = await scene.play('rival', { player: 'eve' })
    await scene.session('rival', 'runs', is('Running'))
    const ownerReferences = [controllerReference(rival)]
    await world().kube.mergePatch(
      gpuVms,
      { namespace: scene.namespace, name: MACHINE },
      { metadata: { ownerReferences } },
    )
    await scene.machine(MACHINE, 'is the session’s again', m => {
      const [owner] = m.metadata.ownerReferences ?? []
      return m.metadata.uid !== made.metadata.uid && owner?.uid === session.metadata.uid
    })
    const { status } = await scene.session('rival', 'still runs', is('Running'))
    expect(status?.vm?.name).toBe(`rival-${REGION}`)
    await scene.session('evening', 'runs again', is('Running'))
  })

  test.concurrent('I6: size and priority changed under a playing session rebuild its machine once, on the same disk and address', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('changed', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening')
    const before = await scene.session('evening', 'runs', is('Running'))
    const machine = await scene.machine(MACHINE, 'is there', () => true)
    const disks = async () => (await azure.of(uidOf(machine))).disks.map(({ id }) => id)
    const standing = await disks()

    await scene.change(MACHINE, { size: 'Standard_NV6ads_A10_v5' })
    const { status } = await scene.session('evening', 'is interrupted', s => s.status?.interruptions?.length === 1)
    expect(status?.interruptions?.[0]?.cause).toBe('MachineChanged')
    const smaller = await scene.session(
      'evening',
      'runs on',
      s => is('Running')(s) && s.status?.placement?.size === 'Standard_NV6ads_A10_v5',
    )
    expect(smaller.status?.endpoint).toEqual(before.status?.endpoint)

    await scene.change(MACHINE, { priority: 'Regular' })
    const regular = await scene.session(
      'evening',
      'runs on demand',
      s => is('Running')(s) && s.status?.placement?.capacityType === 'OnDemand',
    )
    expect(regular.status).toMatchObject({ endpoint: before.status?.endpoint, evictions: 0 })
    expect(await disks()).toEqual(standing)
    const puts = (await azure.calls(0)).filter(call => isVmPut(call) && call.path.includes(uidOf(machine)))
    expect(puts.map(({ status }) => status)).toEqual([201, 201, 201])
  })

  test.concurrent('a spec applied again after an eviction, as Argo CD does, rebuilds nothing and starts no fight', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('gitops', onTestFinished)
    const { writes } = scene.operate({ sessions: true })
    const synced = async () => [await scene.apply('solo', { priority: 'Spot' }), await scene.play('evening')] as const
    const [uid] = await synced()
    await scene.session('evening', 'runs', is('Running'))
    await scene.machine('solo', 'is playable', isPlayable)
    const { metadata } = await scene.machine(MACHINE, 'is there', () => true)
    for (const each of [uid, metadata.uid]) await azure.evict(`gvm-${each}-vm-1`)
    await scene.session('evening', 'runs on demand', s => is('Running')(s) && s.status?.evictions === 1)
    const rescued = await scene.machine(
      'solo',
      'plays on demand',
      m => m.status?.priority === 'Regular' && isPlayable(m) && isReady(m),
    )

    const written = writes.length
    for (let round = 0; round < 3; round += 1) await synced()
    await scene.annotate('solo', { 'argocd.argoproj.io/tracking-id': 'wasd:wasd.cloud/GpuVm:gitops/solo' })
    // Another object's way to its end shows that the operator has looked at what came before.
    await scene.apply('marker', { region: 'atlantis' })
    await scene.machine('marker', 'is looked at', m => m.status?.phase === 'Failed')
    expect(writes.slice(written).filter(write => !write.endsWith('marker'))).toEqual([])
    expect((await scene.get('solo'))?.status).toEqual(rescued.status)
    for (const each of [uid, metadata.uid ?? ''])
      expect((await azure.calls(0)).filter(call => isVmPut(call) && call.path.includes(each))).toHaveLength(2)
  })

  test.concurrent('two releases in one cluster: side by side neither sees the other, and where they overlap one alone serves', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const mine = await world().scene('mine', onTestFinished)
    const yours = await world().scene('yours', onTestFinished)
    mine.operate({ sessions: true, sweep: true })
    const other = yours.operate({ sessions: true, sweep: true, installationId: 'another-release' })
    await Promise.all([mine.play('evening'), yours.play('evening')])
    await Promise.all([mine, yours].map(async scene => await scene.session('evening', 'runs', is('Running'))))
    expect(other.writes.length).toBeGreaterThan(0)

    // Now the other is let loose on all of it, as a release without watchNamespaces would be.
    await other.stop()
    const overlapping = yours.operate({
      sessions: true,
      sweep: true,
      installationId: 'another-release',
      others: ['mine'],
    })
    const { uid } = (await mine.machine(MACHINE, 'is there', () => true)).metadata
    await azure.evict(`gvm-${uid}-vm-1`)
    await mine.session('evening', 'runs on', s => is('Running')(s) && s.status?.evictions === 1)
    expect(overlapping.writes).toEqual([])

    const before = (operator: Operator) => operator.writes.length
    const first = mine.operate({ sessions: true, installationId: 'a-third' })
    const counts = [before(overlapping), before(first)]
    const disputed = await mine.play('disputed', { player: 'eve' })
    const { metadata } = await mine.session('disputed', 'runs', is('Running'))
    expect([INSTALLATION, 'another-release', 'a-third']).toContain(metadata.annotations?.['wasd.cloud/installation'])
    expect(disputed.metadata.uid).toBe(metadata.uid)
    const machine = await mine.machine(`disputed-${REGION}`, 'is there', () => true)
    expect((await azure.calls(0)).filter(call => isVmPut(call) && call.path.includes(uidOf(machine)))).toHaveLength(1)
    const losers = [overlapping, first].filter((operator, index) => operator.writes.length === counts[index])
    expect(losers.length).toBeGreaterThanOrEqual(1)
  })

  function uidOf({ metadata }: { metadata: { uid?: string } }): string {
    return metadata.uid ?? ''
  }
}
