// Azure refuses for good to stop a machine, or to take one back. It costs on meanwhile, so the session says it where people
// and their alerts look; once it is permitted all comes about by itself.
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, isReady, REGION, type Scene, type World } from './support/world.ts'

const MACHINE = `evening-${REGION}`
const DEALLOCATE = 'POST virtualMachines/deallocate'
const DELETE = 'DELETE virtualMachines'
/** Azure's words, and ours for whoever has to mend it. */
const CAUSE = 'The client has no authorization for this action.'
const REMEDY = "Grant the operator's identity the role listed in the README on the resource group."

const is = (phase: string) => (session: GameSession) => session.status?.phase === phase
const stalledOf = ({ status }: GameSession | GpuVm) => condition(status?.conditions, 'Stalled')
const isRefused = (session: GameSession) => stalledOf(session)?.reason === 'AuthorizationFailed'

async function playing(scene: Scene, spec: object = {}): Promise<string> {
  await scene.play('evening', spec)
  await scene.session('evening', 'runs', is('Running'))
  const { metadata } = await scene.machine(MACHINE, 'is playable', m => isPlayable(m) && isReady(m))
  return metadata.uid ?? ''
}

export function refusedEndsAreTold(world: () => World): void {
  /** Every call of this kind for this machine, until it is taken back. */
  const forbid = async (kind: string, resource: string) =>
    await world().azure.fault(
      { kind, resource, times: null },
      { status: 403, code: 'AuthorizationFailed', message: CAUSE },
    )

  const refusalsOf = async (kind: string, uid: string) =>
    (await world().azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid) && call.status === 403)

  const powerOf = async (uid: string) =>
    (await world().azure.of(uid)).virtualMachines.map(({ simulator }) => simulator.powerState)

  test.concurrent('a pause that Azure refuses is told by the session with cause and remedy, and comes about once it is permitted', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('refused-pause', onTestFinished)
    const { registry } = scene.operate({ sessions: true })
    const uid = await playing(scene)
    const fault = await forbid(DEALLOCATE, uid)
    await scene.want('evening', { spec: { desiredState: 'Paused' } })

    const refused = await scene.session('evening', 'tells it', isRefused)
    const message = `Azure does not stop the machine for the pause; it runs on and costs on, and nothing is billed: ${CAUSE} ${REMEDY}`
    expect(stalledOf(refused)).toMatchObject({ status: 'True', message })
    expect(condition(refused.status?.conditions, 'Ready')).toMatchObject({ status: 'False', message })
    expect(refused.status?.billing?.since).toBeUndefined()
    const wide = await world().kubectl('get', 'gs', 'evening', `--namespace=${scene.namespace}`, '--output=wide')
    expect(wide).toContain(CAUSE)
    await scene.until('an event tells it', async () =>
      (await scene.eventsOf('evening')).includes('AuthorizationFailed'),
    )
    const metric = await registry.getSingleMetricAsString('wasd_sessions_stalled')
    expect(metric).toContain('wasd_sessions_stalled{phase="Running"} 1')

    // Looked at, asked again and again refused, it is one stall and no flicker of mending.
    const stalled = await scene.machine(MACHINE, 'is stalled', m => stalledOf(m) !== undefined)
    const asked = (await refusalsOf(DEALLOCATE, uid)).length
    await scene.annotate(MACHINE, { 'example.com/note': 'looked at' })
    await scene.until('it is asked again', async () => (await refusalsOf(DEALLOCATE, uid)).length > asked)
    await scene.until('that is on record', async () => {
      const { status } = await scene.machine(MACHINE, 'is stalled', m => stalledOf(m) !== undefined)
      return status?.lastError?.at !== stalled.status?.lastError?.at
    })
    expect(stalledOf((await scene.get(MACHINE)) ?? stalled)).toEqual(stalledOf(stalled))
    const still = await scene.session('evening', 'is there', () => true)
    expect(stalledOf(still)).toEqual(stalledOf(refused))
    expect(await powerOf(uid)).toEqual(['running'])

    await world().azure.faultless(fault)
    const paused = await scene.session('evening', 'is paused', is('Paused'))
    expect(stalledOf(paused)).toBeUndefined()
    expect(paused.status?.billing).toEqual(refused.status?.billing)
    expect(await powerOf(uid)).toEqual(['deallocated'])
  })

  test.concurrent('I2: an end that Azure refuses is told by the session with cause and remedy, and comes about once it is permitted', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('refused-end', onTestFinished)
    scene.operate({ sessions: true })
    const uid = await playing(scene)
    const fault = await forbid(DELETE, uid)
    await scene.want('evening', { spec: { desiredState: 'Ended' } })

    const refused = await scene.session('evening', 'tells it', isRefused)
    expect(refused.status).toMatchObject({ phase: 'Ending', endReason: 'PlayerEnded', billing: { final: true } })
    expect(stalledOf(refused)?.message).toContain(
      `The session was told to end. Azure does not take its machine back, and what is left of it costs on: ${CAUSE} ${REMEDY}`,
    )
    await scene.until('an event tells it', async () =>
      (await scene.eventsOf('evening')).includes('AuthorizationFailed'),
    )
    expect(await powerOf(uid)).toEqual(['running'])

    await world().azure.faultless(fault)
    const ended = await scene.session('evening', 'has ended', is('Ended'))
    expect(stalledOf(ended)).toBeUndefined()
    expect(ended.status).toMatchObject({ endReason: 'PlayerEnded', billing: refused.status?.billing })
    expect(await world().azure.standing(uid)).toEqual([])
  })

  test.concurrent('I3: paused, a machine that Azure does not stop runs no longer than its player’s money would have lasted: it is given back', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('refused-paid', onTestFinished)
    scene.operate({ sessions: true, paidGraceSeconds: 1 })
    const uid = await playing(scene, { paidSeconds: 5 })
    await forbid(DEALLOCATE, uid)
    await scene.want('evening', { spec: { desiredState: 'Paused' } })
    const refused = await scene.session('evening', 'tells it', isRefused)
    const ended = await scene.session('evening', 'has ended', is('Ended'))
    expect(ended.status).toMatchObject({
      endReason: 'PauseRefused',
      billing: { seconds: refused.status?.billing?.seconds, final: true },
    })
    expect(await world().azure.standing(uid)).toEqual([])
  })
}
