// The scenes of a machine's life in which the operator is cut off at every call, one after another.
import { canonical } from '../operator/support/canonical.ts'
import { isPlayable, isReady, readyReason, type Scene, type World } from '../operator/support/world.ts'
import type { Place } from '../random/play.ts'

export interface Stage {
  world: World
  scene: Scene
  place: Place
}

export interface MatrixScene {
  title: string
  /** With an operator that nobody disturbs; the names of the machines. */
  prepare(stage: Stage): Promise<string[]>
  /** With the one that is cut off. */
  act(stage: Stage): Promise<void>
  /** Until it is as it has to be, whoever brings it about. */
  ends(stage: Stage): Promise<void>
}

const SOLO = 'solo'
const isOn = (priority: string) => (machine: Parameters<typeof isReady>[0]) =>
  machine.status?.priority === priority && isPlayable(machine) && isReady(machine)
const isOff = (machine: Parameters<typeof isReady>[0]) => isReady(machine) && readyReason(machine) === 'Deallocated'

const make = async ({ scene, place }: Stage, name = SOLO, spec: object = {}) =>
  await scene.apply(name, { region: place.region, size: place.sizes[0], ...spec })
const playable = async (stage: Stage, priority = 'Spot', name = SOLO) =>
  await stage.scene.machine(name, `is playable on ${priority}`, isOn(priority))

/** Once it runs; where it is about to be off for good, it may be so before it can be evicted. */
async function evict({ world, scene }: Stage, name = SOLO, mayBeOff = false): Promise<void> {
  const uid = (await scene.get(name))?.metadata.uid ?? ''
  await scene.until(`${name} can be evicted`, async () => {
    const { virtualMachines } = await world.azure.of(uid)
    if (mayBeOff && virtualMachines.some(vm => vm.simulator.powerState === 'deallocated')) return true
    const spot = virtualMachines.find(vm => vm.properties.priority === 'Spot' && vm.simulator.powerState === 'running')
    return (
      spot &&
      (await world.azure.evict(spot.name).then(
        () => true,
        () => false,
      ))
    )
  })
}

async function standing(stage: Stage): Promise<string[]> {
  await make(stage)
  await playable(stage)
  return [SOLO]
}

async function paused(stage: Stage): Promise<string[]> {
  await standing(stage)
  await stage.scene.change(SOLO, { powerState: 'Deallocated' })
  await stage.scene.machine(SOLO, 'is deallocated', isOff)
  return [SOLO]
}

/** Where a machine moves to: a region that is used as the first is, without zones. */
function awayFrom({ world, place }: Stage): string {
  const others = Object.entries(world.catalogue.regions).filter(
    ([region, { zones }]) => region !== place.region && !zones,
  )
  const [[region] = []] = others
  if (region === undefined) throw new Error('The catalogue has no other region to move to.')
  return region
}

const HOME = 'home'
const fleet = ['one', 'two', 'three']

export const scenes: MatrixScene[] = [
  {
    title: 'created',
    prepare: async () => [SOLO],
    act: async stage => void (await make(stage)),
    ends: async stage => void (await playable(stage)),
  },
  {
    title: 'evicted while it is created',
    prepare: async () => [SOLO],
    async act(stage) {
      await make(stage)
      await evict(stage)
    },
    ends: async stage => void (await playable(stage, 'Regular')),
  },
  {
    title: 'evicted while it is played',
    prepare: standing,
    act: evict,
    ends: async stage => void (await playable(stage, 'Regular')),
  },
  {
    title: 'evicted while it is paused',
    prepare: standing,
    // The pause is asked for first: an eviction seen before it may have begun a rescue, and that ends otherwise.
    async act(stage) {
      await stage.scene.change(SOLO, { powerState: 'Deallocated' })
      await evict(stage, SOLO, true)
    },
    ends: async ({ scene }) => void (await scene.machine(SOLO, 'is deallocated', isOff)),
  },
  {
    title: 'evicted while it is resumed',
    prepare: paused,
    // Once its start was seen: of one that came and went while no operator lived nobody knows, and it is started again.
    async act(stage) {
      await stage.scene.change(SOLO, { powerState: 'Running' })
      await stage.scene.machine(SOLO, 'is seen to start', ({ status }) => status?.powerState !== 'Deallocated')
      await evict(stage)
    },
    ends: async stage => void (await playable(stage, 'Regular')),
  },
  {
    title: 'evicted twice, waiting for spot',
    async prepare(stage) {
      await make(stage, SOLO, { onEviction: 'Wait' })
      await playable(stage)
      return [SOLO]
    },
    async act(stage) {
      await evict(stage)
      await stage.scene.machine(SOLO, 'was evicted', ({ status }) => (status?.evictions ?? 0) > 0)
      await evict(stage)
    },
    // Of two evictions, one that nobody was there to see may count for both.
    async ends(stage) {
      const { world, scene } = stage
      await scene.until('Azure runs it again', async () => {
        const uid = (await scene.get(SOLO))?.metadata.uid ?? ''
        const { virtualMachines } = await world.azure.of(uid)
        return virtualMachines.some(({ simulator }) => simulator.powerState === 'running')
      })
      await playable(stage)
    },
  },
  {
    title: 'evicted while it is given up',
    prepare: standing,
    async act(stage) {
      await evict(stage)
      await stage.scene.delete(SOLO)
    },
    ends: async ({ scene }) => void (await scene.gone(SOLO)),
  },
  {
    title: 'swapped onto on-demand',
    prepare: standing,
    act: async ({ scene }) => void (await scene.change(SOLO, { priority: 'Regular' })),
    ends: async stage => void (await playable(stage, 'Regular')),
  },
  {
    title: 'paused',
    prepare: standing,
    act: async ({ scene }) => void (await scene.change(SOLO, { powerState: 'Deallocated' })),
    ends: async ({ scene }) => void (await scene.machine(SOLO, 'is deallocated', isOff)),
  },
  {
    title: 'resumed',
    prepare: paused,
    act: async ({ scene }) => void (await scene.change(SOLO, { powerState: 'Running' })),
    ends: async stage => void (await playable(stage)),
  },
  {
    title: 'resized',
    prepare: standing,
    act: async ({ scene, place }) => void (await scene.change(SOLO, { size: place.sizes[1] })),
    async ends({ scene, place }) {
      await scene.machine(SOLO, 'has its size', m => m.status?.size === place.sizes[1] && isOn('Spot')(m))
    },
  },
  {
    title: 'deleted',
    prepare: standing,
    act: async ({ scene }) => void (await scene.delete(SOLO)),
    ends: async ({ scene }) => void (await scene.gone(SOLO)),
  },
  {
    title: 'moved to another region',
    async prepare(stage) {
      await make(stage, HOME)
      await playable(stage, 'Spot', HOME)
      await stage.scene.change(HOME, { powerState: 'Deallocated' })
      await stage.scene.machine(HOME, 'is deallocated', isOff)
      return [HOME, SOLO]
    },
    async act(stage) {
      const copyOf = (await stage.scene.get(HOME))?.status?.resources?.osDisk
      await make(stage, SOLO, { region: awayFrom(stage), disks: { os: { sizeGiB: 128, copyOf } } })
    },
    ends: async stage => void (await playable(stage)),
  },
  {
    title: 'three evicted at once',
    async prepare(stage) {
      for (const name of fleet) await make(stage, name)
      for (const name of fleet) await playable(stage, 'Spot', name)
      return fleet
    },
    async act(stage) {
      await Promise.all(fleet.map(async name => await evict(stage, name)))
    },
    async ends(stage) {
      for (const name of fleet) await playable(stage, 'Regular', name)
    },
  },
]

export interface Ending {
  /** What stands in Azure when the scene is over, less times, ids and where it was played. */
  dump: string
  /** The VMs that Azure took on, in order, by machine. */
  accepted: string[]
  /** What the operator that was to be cut off had asked by then. */
  calls: string[]
  /** At which of them it was cut off; `undefined` when the scene was over before. */
  cutAt: string | undefined
}

/** Plays one scene with an operator that is cut off after call number `after`, then gives the machines back. */
export async function playScene(
  { prepare, act, ends }: MatrixScene,
  stage: Stage,
  cut: { after: number; isReplyHeard: boolean },
): Promise<Ending> {
  const { world, scene, place } = stage
  const { azure } = world
  const first = scene.operate()
  const names = await prepare(stage)
  await first.stop()

  const doomed = scene.operate({ cut: { ...cut, counting: 'calls' } })
  let cutAt: string | undefined
  void doomed.died.then(async call => {
    cutAt = call
    await doomed.stop()
    scene.operate()
  })
  await act(stage)
  const uids = await uidsOf(scene, names)
  await ends(stage)
  const dumps = await Promise.all(uids.map(async uid => await canonical(azure, { uid, namespace: scene.namespace })))
  const calls = [...doomed.calls]

  for (const name of names) await scene.delete(name)
  for (const name of names) await scene.gone(name)
  for (const uid of uids) {
    const left = await azure.standing(uid)
    if (left.length > 0) throw new Error(`I2: left in Azure: ${left.join(', ')}`)
  }
  const puts = (await azure.calls(0)).filter(({ kind, status }) => kind === 'PUT virtualMachines' && isAccepted(status))
  const accepted = uids.flatMap(uid =>
    puts
      .filter(({ path }) => path.includes(uid))
      .map(({ path }) => /-(vm-\d+)/.exec(path.replace(uid, ''))?.[1] ?? path),
  )
  const neutral = (text: string) =>
    text
      .replaceAll(new RegExp(place.region, 'gi'), 'REGION')
      .replaceAll(new RegExp(awayFrom(stage), 'gi'), 'AWAY')
      .replaceAll(place.sizes[0], 'SIZE')
      .replaceAll(place.sizes[1], 'OTHER')
  return { dump: neutral(dumps.join('\n')), accepted, calls, cutAt }
}

const isAccepted = (status: number) => status >= 200 && status < 300

/** A machine that is on its way out may be gone by now; then its scene ends with nothing, whatever it was. */
async function uidsOf(scene: Scene, names: string[]): Promise<string[]> {
  const machines = await Promise.all(names.map(async name => await scene.get(name)))
  return machines.flatMap(machine => machine?.metadata.uid ?? [])
}
