// The scenes of a machine's life.
import { isPlayable, isReady, readyReason } from '../operator/support/world.ts'
import { awayFrom, type MatrixScene, type Stage } from './matrix.ts'

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

const HOME = 'home'
const fleet = ['one', 'two', 'three']
const data = { sizeGiB: 64, sku: 'StandardSSD_LRS' }
const furnished = {
  disks: {
    os: { sizeGiB: 128, sku: 'StandardSSD_LRS' },
    data: [
      { ...data, name: 'saves', lun: 0 },
      { ...data, name: 'mods', lun: 3 },
    ],
  },
  clientCIDRs: ['203.0.113.0/24'],
}

export const machineScenes: MatrixScene[] = [
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
    unsure: ['evictions'], // One that nobody was there to see may count for both.
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
    // Nobody waits for its snapshots to go.
    async ends(stage) {
      const { world, scene } = stage
      await playable(stage)
      const uid = (await scene.get(SOLO))?.metadata.uid ?? ''
      await scene.until('its snapshots are gone', async () => (await world.azure.of(uid)).snapshots.length === 0)
    },
  },
  {
    title: 'created with disks and clients of its own',
    prepare: async () => [SOLO],
    act: async stage => void (await make(stage, SOLO, furnished)),
    ends: async stage => void (await playable(stage)),
  },
  {
    title: 'evicted with disks and clients of its own, which change meanwhile',
    async prepare(stage) {
      await make(stage, SOLO, furnished)
      await playable(stage)
      return [SOLO]
    },
    async act(stage) {
      await evict(stage)
      await stage.scene.change(SOLO, { clientCIDRs: ['198.51.100.0/24'] })
    },
    ends: async stage => void (await playable(stage, 'Regular')),
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
