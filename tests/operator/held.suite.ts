// What an SRE holds back or lets go of: `wasd.cloud/suspend` and `wasd.cloud/abandon`, in each phase that matters. No
// garbage collector runs here, so that nothing is given back by one.
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, isReady, REGION, readyReason, type Scene, type World } from './support/world.ts'

const MACHINE = `evening-${REGION}`
const SUSPEND = { 'wasd.cloud/suspend': '' }
const RESUME = { 'wasd.cloud/suspend': null }
const ABANDON = { 'wasd.cloud/abandon': '' }
const FINALIZER = 'wasd.cloud/operator'
const SETTLEMENT = 'wasd.cloud/settlement'

const is = (phase: string) => (session: GameSession) => session.status?.phase === phase
const isHeld = ({ status }: GameSession | GpuVm) => condition(status?.conditions, 'Suspended')?.status === 'True'
const readyOf = ({ status }: GameSession | GpuVm) => condition(status?.conditions, 'Ready')
const leftBehind = ({ status }: GameSession | GpuVm) => condition(status?.conditions, 'Abandoned')?.message ?? ''
async function playing(scene: Scene, spec: object = {}, metadata: object = {}): Promise<GpuVm> {
  await scene.play('evening', spec, metadata)
  await scene.session('evening', 'runs', is('Running'))
  return await scene.machine(MACHINE, 'is playable', m => isPlayable(m) && isReady(m))
}

export function heldBackAndLetGo(world: () => World): void {
  const changesOf = async (uid: string) =>
    (await world().azure.calls(0)).filter(({ method, path }) => method !== 'GET' && path.includes(uid)).length

  /** Operators whose credentials Entra refuses, or whom nobody answers. */
  const refused = () => ({ ...world().azure.settings, clientId: '00000000-0000-4000-8000-00000000dead' })
  const unheard = () => ({ ...world().azure.settings, resourceManagerEndpoint: 'https://127.0.0.1:9' })

  test.concurrent('suspended before it begins or while it plays, a session is looked at alone; freed, it goes on', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('held-session', onTestFinished)
    scene.operate({ sessions: true })
    const annotate = async (annotations: object) => await scene.want('evening', { metadata: { annotations } })
    await scene.play('evening', {}, { annotations: SUSPEND })
    const untouched = await scene.session('evening', 'is held back', isHeld)
    expect(readyOf(untouched)).toMatchObject({ status: 'Unknown', reason: 'Suspended' })
    expect(untouched.metadata.finalizers).toBeUndefined()
    expect(await scene.get(MACHINE)).toBeUndefined()

    await annotate(RESUME)
    await scene.session('evening', 'runs', is('Running'))
    await annotate(SUSPEND)
    const running = await scene.session('evening', 'is held back', isHeld)
    expect(readyOf(running)).toMatchObject({ status: 'True', reason: 'Running' })
    await scene.want('evening', { spec: { desiredState: 'Paused' } })
    const pausing = await scene.session('evening', 'says what waits', s => readyOf(s)?.reason === 'Suspended')
    expect(readyOf(pausing)?.message).toContain('changing its machine')
    expect((await scene.get(MACHINE))?.spec.powerState).toBe('Running')
    await annotate(RESUME)
    const paused = await scene.session('evening', 'is paused', is('Paused'))
    expect(isHeld(paused)).toBe(false)
  })

  test.concurrent('I6: evicted while it is suspended, a machine waits, uncharged; freed, it is rescued as ever', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('held-evicted', onTestFinished)
    scene.operate({ sessions: true })
    const { metadata } = await playing(scene)
    await scene.annotate(MACHINE, SUSPEND)
    await scene.machine(MACHINE, 'is held back', isHeld)
    const changes = await changesOf(metadata.uid ?? '')
    await world().azure.evict(`gvm-${metadata.uid}-vm-1`)
    const waiting = await scene.machine(MACHINE, 'says what waits', m => readyReason(m) === 'Suspended')
    expect(readyOf(waiting)?.message).toContain('Azure took the spot machine back')
    const { status } = await scene.session('evening', 'is not billed', is('Recovering'))
    expect(status?.billing?.since).toBeUndefined()
    expect(await changesOf(metadata.uid ?? '')).toBe(changes)

    await scene.annotate(MACHINE, RESUME)
    const rescued = await scene.session('evening', 'runs on', is('Running'))
    expect(rescued.status).toMatchObject({ evictions: 1, placement: { capacityType: 'OnDemand' } })
  })

  test.concurrent('a suspended machine is not given back at its session’s end, until it is freed', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('held-ending', onTestFinished)
    scene.operate({ sessions: true })
    const { metadata } = await playing(scene)
    await scene.annotate(MACHINE, SUSPEND)
    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    const waiting = await scene.machine(MACHINE, 'says what waits', m => readyReason(m) === 'Suspended')
    expect(waiting.status?.phase).toBe('Deleting')
    expect((await world().azure.of(metadata.uid ?? '')).virtualMachines).toHaveLength(1)
    await scene.session('evening', 'ends', is('Ending'))
    await scene.annotate(MACHINE, RESUME)
    await scene.session('evening', 'has ended', is('Ended'))
    expect(await world().azure.standing(metadata.uid)).toEqual([])
  })

  test.concurrent('I3: the end of paid time overtakes a suspension of session and machine', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('held-paid', onTestFinished)
    scene.operate({ sessions: true, paidGraceSeconds: 0 })
    const { metadata } = await playing(scene, { paidSeconds: 3 })
    await scene.annotate(MACHINE, SUSPEND)
    await scene.want('evening', { metadata: { annotations: SUSPEND } })
    const ended = await scene.session('evening', 'has ended', is('Ended'))
    expect(ended.status).toMatchObject({ endReason: 'PaidTimeUsed', billing: { seconds: 3, final: true } })
    expect(isHeld(ended)).toBe(true)
    expect(await world().azure.standing(metadata.uid)).toEqual([])
  })

  test.concurrent('a session whose deletion hangs on refused credentials is let go with a word on what it leaves, but for its bill', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('abandoned', onTestFinished)
    const first = scene.operate({ sessions: true })
    const { metadata } = await playing(scene, {}, { finalizers: [SETTLEMENT] })
    await scene.want('evening', { metadata: { annotations: ABANDON } })
    await first.stop()
    const second = scene.operate({ sessions: true, azure: refused() })
    await scene.session('evening', 'plays on: it is not to go', is('Running'))
    await scene.want('evening', { metadata: { annotations: { 'wasd.cloud/abandon': null } } })

    await scene.drop('evening')
    const stuck = await scene.machine(
      MACHINE,
      'is stuck',
      m => m.status?.phase === 'Deleting' && condition(m.status.conditions, 'Stalled') !== undefined,
    )
    expect(readyOf(stuck)).toMatchObject({
      reason: 'AzureCredentialsRefused',
      message: expect.stringContaining('wasd.cloud/abandon'),
    })
    await scene.session('evening', 'hangs', is('Ending'))

    await scene.want('evening', { metadata: { annotations: ABANDON } })
    await scene.gone(MACHINE)
    const left = await scene.session(
      'evening',
      'is let go',
      ({ metadata }) => !metadata.finalizers?.includes(FINALIZER),
    )
    expect(left.metadata.finalizers).toEqual([SETTLEMENT])
    expect(left.status).toMatchObject({ phase: 'Ended', billing: { final: true } })
    for (const part of ['vm-1', 'nic', 'ip', 'os']) expect(leftBehind(left)).toContain(`gvm-${metadata.uid}-${part}`)
    expect(readyOf(left)?.message).toContain('May still stand there')
    for (const name of ['evening', MACHINE])
      await scene.until(`${name} is told`, async () => (await scene.eventsOf(name)).includes('Abandoned'))
    expect(await azure.standing(metadata.uid)).toHaveLength(4)

    await second.stop()
    scene.operate({ sessions: true, sweep: true })
    await scene.until('what was left is swept', async () => (await azure.standing(metadata.uid)).length === 0)
    await scene.want('evening', { metadata: { finalizers: [] } })
  })

  const moments: [moment: string, reach: (scene: Scene, uid: string) => Promise<unknown>][] = [
    [
      'it is being made',
      async scene => await scene.machine('solo', 'is created', m => m.status?.operation?.kind === 'Create'),
    ],
    [
      'it was evicted',
      async (scene, uid) => {
        await scene.machine('solo', 'is playable', isPlayable)
        await world().azure.evict(`gvm-${uid}-vm-1`)
        await scene.machine('solo', 'is evicted', m => m.status?.incarnation?.number === 2)
      },
    ],
    [
      'it is being given back',
      async scene => {
        await scene.machine('solo', 'is playable', isPlayable)
        await scene.delete('solo')
        await scene.machine('solo', 'goes', m => m.status?.operation?.kind === 'Delete')
      },
    ],
  ]
  test.concurrent.each(moments)(
    'abandoned when %s, a machine goes at once, says what it leaves, and that is swept',
    async (moment, reach) => {
      const { azure } = world()
      const scene = await world().scene(`lost-${moments.findIndex(([name]) => name === moment)}`)
      const first = scene.operate()
      const uid = await scene.apply('solo', {}, { finalizers: ['example.com/kept'] })
      await reach(scene, uid)
      await first.stop()
      const second = scene.operate({ azure: refused() })
      await scene.annotate('solo', ABANDON)
      await scene.delete('solo')
      const left = await scene.machine('solo', 'is let go', m => !m.metadata.finalizers?.includes(FINALIZER))
      expect(leftBehind(left)).toContain(`gvm-${uid}-ip`)
      await second.stop()
      await scene.lose('solo')
      await scene.apply('neighbour', { region: 'atlantis' }) // The cluster is not lost.
      scene.operate({ sweep: true })
      await scene.until('what was left is swept', async () => (await azure.standing(uid)).length === 0)
      await scene.end()
    },
  )

  test.concurrent('one lost answer frees nobody; a lasting silence is told, and then does', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('silent', onTestFinished)
    const first = scene.operate()
    const uid = await scene.apply('solo')
    await scene.machine('solo', 'is playable', isPlayable)
    await first.stop()
    scene.operate({ azure: unheard() })
    await scene.delete('solo')
    const told = await scene.machine('solo', 'is told', m => readyReason(m) === 'AzureSilent')
    expect(readyOf(told)?.message).toContain('wasd.cloud/abandon')
    await scene.annotate('solo', ABANDON)
    await scene.gone('solo')
    expect(await world().azure.standing(uid)).toHaveLength(4)
  })

  test.concurrent('while Azure answers, abandoned or not, everything is given back', async ({ onTestFinished }) => {
    const { azure } = world()
    const scene = await world().scene('answered', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening', { regions: ['northeurope'] })
    await scene.session('evening', 'runs', is('Running'))
    const { metadata } = await scene.machine('evening-northeurope', 'is there', () => true)
    const deletion = { kind: 'DELETE virtualMachines', resource: `gvm-${metadata.uid}` }
    const throttled = await azure.mark()
    await azure.fault(deletion, { throttle: { retryAfterSeconds: 1 } })
    await scene.want('evening', { metadata: { annotations: ABANDON } })
    await scene.drop('evening')
    await scene.until('the session is gone', async () => (await scene.eventsOf('evening')).includes('Ended'))
    expect(await azure.standing(metadata.uid)).toEqual([])
    expect(await scene.eventsOf('evening-northeurope')).not.toContain('Abandoned')
    const deletions = (await azure.calls(throttled)).filter(
      ({ kind, path }) => kind === deletion.kind && path.includes(deletion.resource),
    )
    expect(deletions.map(({ status }) => status)).toEqual([429, 202])
  })

  test.concurrent('I2: a session that vanishes with its finalizers leaves its machine to nobody: it is given back', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('vanished', onTestFinished)
    const first = scene.operate({ sessions: true })
    const { metadata } = await playing(scene)
    await first.stop()
    await scene.want('evening', { metadata: { finalizers: [] } })
    await scene.drop('evening')
    scene.operate({ sessions: true })
    await scene.gone(MACHINE)
    expect(await world().azure.standing(metadata.uid)).toEqual([])
    await scene.until('it is told', async () => (await scene.eventsOf(MACHINE)).includes('SessionGone'))
  })
}
