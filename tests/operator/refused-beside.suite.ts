// Azure refuses for good what a machine does not stand on: who may reach it, and whose it is tagged. It is played on, falls
// silent for a moment, rests and starts as if nothing were; people are told, and once it is permitted it comes about.
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, isReady, REGION, type Scene, type World } from './support/world.ts'

const MACHINE = `evening-${REGION}`
const MESSAGE = 'Said by the simulator.'
/** A session that failed would be gone by then. */
const spec = { ttlSecondsAfterFinished: 0 }

const is = (phase: string) => (session: GameSession) => session.status?.phase === phase
const stallOf = ({ status }: GameSession | GpuVm) => condition(status?.conditions, 'Stalled')
const isBeside = (code: string) => (machine: GpuVm) => stallOf(machine)?.reason === code && isPlayable(machine)

export function refusedBesideItIsPlayedOn(world: () => World): void {
  const forbid = async (kind: string, resource: string, code: string) =>
    await world().azure.fault({ kind, resource, times: null }, { status: 403, code, message: MESSAGE })

  /** A moment of silence, and after it. */
  async function fallsSilent(scene: Scene, vm: string, code: string): Promise<void> {
    const before = await scene.session('evening', 'runs', is('Running'))
    await world().guests.hang(vm)
    const silent = await scene.session('evening', 'recovers', is('Recovering'))
    expect(stallOf(silent)).toBeUndefined()
    // Looked at in that silence, it is no other.
    await scene.annotate(MACHINE, { 'example.com/note': 'looked at' })
    const machine = await scene.machine(MACHINE, 'is told to be silent', m => !isPlayable(m))
    expect(machine.status).toMatchObject({ phase: 'Running', powerState: 'Running' })
    expect(stallOf(machine)?.reason).toBe(code)
    await world().guests.resume(vm)
    const after = await scene.session('evening', 'runs on', is('Running'))
    expect(after.metadata.uid).toBe(before.metadata.uid)
    const { interruptions: known = [] } = before.status ?? {}
    const another = expect.objectContaining({ cause: 'StreamLost', seconds: expect.any(Number) })
    expect(after.status?.interruptions).toEqual([...known, another])
    // Each stall of a session is an event of it.
    expect(await scene.eventsOf('evening')).not.toContain(code)
  }

  test.concurrent('refused the rules about who may reach it, a machine runs and says so, and its session never fails', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('beside-rules', onTestFinished)
    scene.operate({ sessions: true })
    await scene.play('evening', { ...spec, clientCIDRs: ['203.0.113.7/32'] })
    await scene.session('evening', 'runs', is('Running'))
    const { metadata } = await scene.machine(MACHINE, 'is playable', m => isPlayable(m) && isReady(m))
    const code = 'RequestDisallowedByPolicy'
    const fault = await forbid('PUT networkSecurityGroups', metadata.uid ?? '', code)
    await scene.want('evening', { spec: { clientCIDRs: ['203.0.113.8/32'] } })

    const refused = await scene.machine(MACHINE, 'is refused its rules', isBeside(code))
    expect(refused.status).toMatchObject({ phase: 'Running', lastError: { code, step: 'PutNetworkSecurityGroup' } })
    expect(stallOf(refused)?.message).toContain(`${MESSAGE} An Azure Policy forbids it.`)
    expect(condition(refused.status?.conditions, 'Ready')).toMatchObject({ status: 'False', reason: code })
    await scene.until('it is told', async () => (await scene.eventsOf(MACHINE)).includes(code))
    await fallsSilent(scene, `gvm-${metadata.uid}-vm-1`, code)

    await world().azure.faultless(fault)
    const mended = await scene.machine(MACHINE, 'has its rules', isReady)
    expect(stallOf(mended)).toBeUndefined()
    expect((await scene.eventsOf(MACHINE)).filter(reason => reason === code)).toEqual([code])
  })

  test.concurrent('refused its new tags, a machine that came back from a backup runs, rests and starts under the old ones', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('beside-tags', onTestFinished)
    const first = scene.operate({ sessions: true })
    await scene.play('evening', spec)
    await scene.session('evening', 'runs', is('Running'))
    const { metadata } = await scene.machine(MACHINE, 'is playable', m => isPlayable(m) && isReady(m))
    await first.stop()
    await scene.lose(MACHINE)
    const code = 'ScopeLocked'
    const fault = await forbid('PATCH tags', metadata.uid ?? '', code)
    scene.operate({ sessions: true })

    const refused = await scene.machine(MACHINE, 'is refused its tags', isBeside(code))
    expect(refused.status).toMatchObject({ phase: 'Running', adoptedFrom: metadata.uid })
    expect(stallOf(refused)?.message).toContain(`${MESSAGE} A lock on the resource group or resource forbids it.`)
    expect(isReady(refused), 'the spec asks for no tags').toBe(true)
    await scene.session('evening', 'plays on', s => is('Running')(s) && s.status?.vm?.uid === refused.metadata.uid)
    await fallsSilent(scene, `gvm-${metadata.uid}-vm-1`, code)

    await scene.want('evening', { spec: { desiredState: 'Paused' } })
    const paused = await scene.session('evening', 'is paused', is('Paused'))
    expect(stallOf(paused)).toBeUndefined()
    const resting = await scene.machine(MACHINE, 'rests', m => m.status?.phase === 'Deallocated')
    expect(stallOf(resting)?.reason).toBe(code)
    await scene.want('evening', { spec: { desiredState: 'Running' } })
    await scene.session('evening', 'runs again', is('Running'))

    await world().azure.faultless(fault)
    const mended = await scene.machine(MACHINE, 'bears its tags', m => stallOf(m) === undefined && isReady(m))
    expect(mended.status?.lastError).toBeUndefined()
    expect(await scene.eventsOf('evening')).not.toContain(code)
  })
}
