// A session that was played moves to another region that it names, when its own has no machine for it any more: its
// disk goes along as a snapshot that Azure copies, its address does not.
import { expect, test } from 'vitest'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isPlayable, type Scene, type World } from './support/world.ts'

const HOME = 'westeurope'
const AWAY = 'northeurope'
/** Like it, and nobody else's. */
const FULL = 'uksouth'
const runsIn = (region: string) => (session: GameSession) =>
  session.status?.phase === 'Running' && session.status.placement?.region === region
const readyOf = ({ status }: GameSession) => condition(status?.conditions, 'Ready')
const moves = (session: GameSession) => readyOf(session)?.reason === 'MovingRegion'
const NONE_LEFT = { status: 409, code: 'AllocationFailed', message: 'There is no capacity for it here.' }

const uidOf = async (scene: Scene, region: string): Promise<string> =>
  (await scene.machine(`evening-${region}`, 'is there', () => true)).metadata.uid ?? ''

/** What counts of the way, as Azure took it. */
function orderOf(
  calls: { method: string; path: string; status: number }[],
  { old, moved }: { old: string; moved: string },
): string[] {
  const marks = {
    'PUT taken': new RegExp(`^PUT .*gvm-${moved}-os-taken`),
    'PUT copied': new RegExp(`^PUT .*gvm-${moved}-os-copied`),
    'PUT disk': new RegExp(`^PUT .*disks/gvm-${moved}-os\\?`),
    'PUT machine': new RegExp(`^PUT .*virtualMachines/gvm-${moved}-vm-`),
    'DELETE old disk': new RegExp(`^DELETE .*disks/gvm-${old}-os\\?`),
  }
  return calls
    .filter(({ status }) => status < 300)
    .flatMap(({ method, path }) =>
      Object.entries(marks).flatMap(([mark, pattern]) => (pattern.test(`${method} ${path}`) ? [mark] : [])),
    )
}

const FAILS_LATE = { failLate: { code: 'InternalExecutionError', message: 'It could not be deleted.' } }

/** In the region that it moves to: address, interface, the copied snapshot, disk, its removal, the VM. At home: the snapshot. */
const CUTS = [
  ...[1, 2, 3, 4, 5, 6].map(after => ({ region: AWAY, after })),
  ...[7, 8].map(after => ({ region: HOME, after })),
]
const PARALLEL = 3

/** What befalls such a session. */
function moving(world: () => World) {
  /** From now on Azure has no machine for what is so called: the GpuVm of a UID, or a whole region. */
  const refuse = async (resource: string) =>
    await world().azure.fault({ kind: 'PUT virtualMachines', resource, times: null }, NONE_LEFT)

  /** Played at home; then evicted, with nothing left there. The UID of the machine at home. */
  async function losesItsPlace(scene: Scene, regions = [HOME, AWAY]): Promise<string> {
    await scene.play('evening', { regions })
    await scene.session('evening', 'runs at home', runsIn(HOME))
    const { metadata } = await scene.machine(`evening-${HOME}`, 'is playable', isPlayable)
    await refuse(`gvm-${metadata.uid}`)
    await world().azure.evict(`gvm-${metadata.uid}-vm-1`)
    return metadata.uid ?? ''
  }

  async function endsWithNothing(scene: Scene, uids: string[]): Promise<void> {
    await scene.want('evening', { spec: { desiredState: 'Ended' } })
    await scene.session('evening', 'has ended', s => s.status?.phase === 'Ended')
    for (const uid of uids) expect(await world().azure.standing(uid)).toEqual([])
  }

  return { refuse, losesItsPlace, endsWithNothing }
}

export function sessionsMove(world: () => World): void {
  const { refuse, losesItsPlace, endsWithNothing } = moving(world)

  test.concurrent('I1, I2, I6: it plays on in the other region with its disk, at another address, and what it left goes only then', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('moves', onTestFinished)
    scene.operate({ sessions: true, sweep: true })
    const old = await losesItsPlace(scene)
    const before = await scene.session('evening', 'is known', s => s.status?.endpoint !== undefined)
    const told = await scene.session('evening', 'tells of it', moves)
    expect(told.status?.phase).toBe('Recovering')
    expect(readyOf(told)?.message).toMatch(/northeurope with its saves; its address changes.*Nothing is billed/)

    const there = await scene.session('evening', 'runs there', runsIn(AWAY))
    const { metadata, status } = await scene.machine(`evening-${AWAY}`, 'is playable', isPlayable)
    expect(there.status).toMatchObject({
      vm: { uid: metadata.uid },
      evictions: 1,
      endpoint: { host: status?.publicIP },
    })
    expect(there.status?.endpoint?.host).not.toBe(before.status?.endpoint?.host)
    await scene.gone(`evening-${HOME}`)
    expect(await azure.standing(old)).toEqual([])
    const held = await azure.of(metadata.uid ?? '')
    expect(held.virtualMachines).toHaveLength(1)
    // That region is used by zones: its copy may go from one to the other.
    expect(held.virtualMachines.map(({ zones }) => zones)).toEqual([['1']])
    expect(held.disks.map(({ zones, sku }) => [zones, sku.name])).toEqual([[undefined, 'StandardSSD_ZRS']])
    await scene.until('its snapshots are gone', async () => (await azure.of(metadata.uid ?? '')).snapshots.length === 0)
    expect(await scene.eventsOf('evening')).toEqual(expect.arrayContaining(['Evicted', 'MovingRegion', 'Recovered']))

    expect(orderOf(await azure.calls(0), { old, moved: metadata.uid ?? '' })).toEqual([
      'PUT taken',
      'PUT copied',
      'PUT disk',
      'PUT machine',
      'DELETE old disk',
    ])
    await endsWithNothing(scene, [old, metadata.uid ?? ''])
  })

  test.concurrent('without the player’s word it stays where it is and says what would help; named, the other region is moved to', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('asks', onTestFinished)
    scene.operate({ sessions: true })
    const old = await losesItsPlace(scene, [HOME])
    const waits = await scene.session('evening', 'waits', s => readyOf(s)?.reason === 'NoCapacity')
    expect(readyOf(waits)?.message).toContain('to move, it has to name another one in spec.regions')
    await scene.want('evening', { spec: { regions: [HOME, AWAY] } })
    await scene.session('evening', 'runs there', runsIn(AWAY))
    await endsWithNothing(scene, [old, await uidOf(scene, AWAY)])
  })

  test.concurrent('refused in every region that it names it waits, and moves when one has room', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('nowhere', onTestFinished)
    scene.operate({ sessions: true })
    const refused = await refuse(`wasd-${FULL}`)
    const old = await losesItsPlace(scene, [HOME, FULL])
    await scene.session('evening', 'waits', s => readyOf(s)?.reason === 'NoCapacity')
    expect((await world().azure.of(old)).disks).toHaveLength(1)
    const copy = await uidOf(scene, FULL)
    await world().azure.faultless(refused)
    await scene.session('evening', 'runs there', runsIn(FULL))
    await endsWithNothing(scene, [old, copy])
  })

  test.concurrent('I2: ended on the way it leaves nothing behind, in neither region', async ({ onTestFinished }) => {
    const scene = await world().scene('ended', onTestFinished)
    scene.operate({ sessions: true })
    const old = await losesItsPlace(scene)
    const copy = await uidOf(scene, AWAY)
    await scene.until('it is copied', async () => (await world().azure.of(copy)).snapshots.length === 2)
    await endsWithNothing(scene, [old, copy])
  })

  test.concurrent('paused on the way it rests, and goes on when it is resumed', async ({ onTestFinished }) => {
    const scene = await world().scene('paused', onTestFinished)
    scene.operate({ sessions: true })
    const old = await losesItsPlace(scene)
    const copy = await uidOf(scene, AWAY)
    await scene.until('a snapshot is taken', async () => (await world().azure.of(copy)).snapshots.length > 0)
    await scene.want('evening', { spec: { desiredState: 'Paused' } })
    await scene.session('evening', 'is paused', s => s.status?.phase === 'Paused')
    expect((await world().azure.of(copy)).virtualMachines).toEqual([])
    await scene.want('evening', { spec: { desiredState: 'Running' } })
    await scene.session('evening', 'runs there', runsIn(AWAY))
    await endsWithNothing(scene, [old, copy])
  })

  test.concurrent('a GpuVm written by hand is a copy of another’s disk; what is lost on the way, and what Azure would not delete, is swept, and another player’s disk is not to be had', async ({
    onTestFinished,
  }) => {
    const { azure } = world()
    const scene = await world().scene('copied-by-hand', onTestFinished)
    const first = scene.operate()
    const labels = { 'wasd.cloud/player': 'kasparov' }
    const source = await scene.apply('source', {}, { labels })
    const { status } = await scene.machine('source', 'is playable', isPlayable)
    const copyOf = status?.resources?.osDisk ?? ''
    const disks = { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' as const, copyOf } }
    await scene.apply('foreign', { region: AWAY, disks }, { labels: { 'wasd.cloud/player': 'karpov' } })
    await scene.machine(
      'foreign',
      'is stalled',
      m => condition(m.status?.conditions, 'Stalled')?.reason === 'SourceDiskForeign',
    )
    const copy = await scene.apply('copy', { region: AWAY, disks }, { labels })
    const waits = await scene.machine('copy', 'waits', m =>
      (condition(m.status?.conditions, 'Ready')?.message ?? '').includes('still in use'),
    )
    expect(waits.status?.phase).toBe('Creating')
    expect((await azure.of(copy)).snapshots).toEqual([])
    await scene.change('source', { powerState: 'Deallocated' })
    await scene.until('it is copied', async () => (await azure.of(copy)).snapshots.length === 2)
    await first.stop()
    await scene.lose('copy')
    scene.operate({ sweep: true })
    await scene.until('I2: what it had is swept', async () => (await azure.standing(copy)).length === 0)

    const again = await scene.apply('copy', { region: AWAY, disks }, { labels })
    const kept = await azure.fault({ kind: 'DELETE snapshots', resource: `gvm-${again}`, times: null }, FAILS_LATE)
    await scene.machine('copy', 'is playable', isPlayable)
    expect((await azure.of(again)).snapshots.length).toBeGreaterThan(0) // It plays; nobody waits for those.
    await azure.faultless(kept)
    await scene.until('I2: what served is swept', async () => (await azure.of(again)).snapshots.length === 0)
    expect((await azure.of(again)).virtualMachines).toHaveLength(1)
    for (const name of ['copy', 'source', 'foreign']) {
      await scene.delete(name)
      await scene.gone(name)
    }
    for (const uid of [again, source]) expect(await azure.standing(uid)).toEqual([])
  })
}

/** Cut off anywhere on the way: for `make proof`. */
export function movesAreFinished(world: () => World): void {
  const { losesItsPlace, endsWithNothing } = moving(world)

  /** From the eviction on, and to the end of both machines. */
  async function life(scene: Scene): Promise<{ accepted: string[]; left: string[] }> {
    const old = await losesItsPlace(scene)
    await scene.session('evening', 'runs there', runsIn(AWAY))
    await scene.gone(`evening-${HOME}`)
    const moved = await uidOf(scene, AWAY)
    const held = await world().azure.of(moved)
    const left = [...held.virtualMachines, ...held.disks].map(({ name }) => name.replace(moved, 'UID'))
    await endsWithNothing(scene, [old, moved])
    return { accepted: orderOf(await world().azure.calls(0), { old, moved }), left }
  }

  test.concurrent('I1, I2: cut off after any call by which it moves, before the reply, another operator finishes it', async ({
    onTestFinished,
  }) => {
    const calm = await world().scene('moves-calmly', onTestFinished)
    calm.operate({ sessions: true })
    const undisturbed = await life(calm)
    await calm.end()
    expect(undisturbed.left).toEqual(['gvm-UID-vm-1', 'gvm-UID-os'])

    const died: string[] = []
    const disturbed = async (cut: (typeof CUTS)[number]) => {
      const scene = await world().scene(`cut-${cut.region}-${cut.after}`, onTestFinished)
      const first = scene.operate({ sessions: true, cut: { ...cut, counting: 'changes' } })
      void first.died.then(async call => {
        died.push(call)
        await first.stop()
        scene.operate({ sessions: true })
      })
      expect({ cut, ...(await life(scene)) }).toEqual({ cut, ...undisturbed })
      await scene.end()
    }
    const waiting = [...CUTS]
    const work = async () => {
      for (let cut = waiting.shift(); cut !== undefined; cut = waiting.shift()) await disturbed(cut)
    }
    await Promise.all(Array.from({ length: PARALLEL }, work))
    expect(died).toHaveLength(CUTS.length)
    for (const call of ['putSnapshot', 'putDisk', 'createVirtualMachine']) expect(died).toContain(call)
  }, 180_000)
}
