// The scenes of a whole session, whose machine is one of the other scenes'. Metered, as the API has it.
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { OperatorOptions } from '../operator/support/operator.ts'
import { isPlayable, isSettled } from '../operator/support/world.ts'
import { withSizes } from '../random/place.ts'
import type { MatrixScene, Stage } from './matrix.ts'

const EVENING = 'evening'
const machineOf = ({ place }: Stage) => `${EVENING}-${place.region}`

function operatedOn({ world }: Stage, sizes: string[]): Partial<OperatorOptions> {
  return { sessions: true, catalogue: withSizes(world.catalogue, sizes) }
}

/** Of one size alone: which of two is taken hangs on who was evicted lately. */
function ofOneSize(stage: Stage) {
  const operated = operatedOn(stage, [stage.place.sizes[0]])
  return { before: operated, after: operated }
}

/** Far above what a scene takes, but where it says otherwise. */
const PAID_SECONDS = 600

async function begin({ scene, place }: Stage, paidSeconds = PAID_SECONDS): Promise<void> {
  await scene.play(EVENING, { regions: [place.region], paidSeconds })
}

const want = async ({ scene }: Stage, spec: object) => void (await scene.want(EVENING, { spec }))
const settles = async ({ scene }: Stage, phase: string, capacityType?: string) =>
  await scene.session(
    EVENING,
    `is ${phase} ${capacityType ?? ''}`,
    session =>
      isSettled(session) &&
      session.status?.phase === phase &&
      (capacityType === undefined || session.status.placement?.capacityType === capacityType),
  )

async function playing(stage: Stage): Promise<string[]> {
  await begin(stage)
  await settles(stage, 'Running')
  return [machineOf(stage)]
}

async function resting(stage: Stage): Promise<string[]> {
  const names = await playing(stage)
  await want(stage, { desiredState: 'Paused' })
  await settles(stage, 'Paused')
  return names
}

async function evict(stage: Stage): Promise<void> {
  const machine = await stage.scene.machine(machineOf(stage), 'can be evicted', isPlayable)
  await stage.world.azure.evict(`gvm-${machine.metadata.uid}-vm-1`)
}

/** Nothing is left of the size that is played on, nor to be rescued onto, until the end. */
async function nothingLeft({ world, place }: Stage, available: number | null): Promise<void> {
  for (const priority of ['Spot', 'Regular'])
    await world.azure.capacity(available, { region: place.region, size: place.sizes[0], priority })
}

async function leave({ scene }: Stage): Promise<void> {
  await scene.drop(EVENING)
  await scene.until('the session is gone', async () => (await scene.sessionNow(EVENING)) === undefined)
}

const common = { operated: ofOneSize, leave, isCutAtWrites: true } as const

export const sessionScenes: MatrixScene[] = [
  {
    ...common,
    title: 'a session begins',
    prepare: async stage => [machineOf(stage)],
    async act(stage) {
      await begin(stage)
      await stage.scene.machine(machineOf(stage), 'is asked for', () => true)
    },
    ends: async stage => await settles(stage, 'Running', 'Spot'),
  },
  {
    ...common,
    title: 'a session is evicted while it is played',
    prepare: playing,
    act: evict,
    ends: async stage => await settles(stage, 'Running', 'OnDemand'),
  },
  {
    ...common,
    title: 'a session is evicted where nothing of its size is left',
    sizes: ['Standard_NV36ads_A10_v5', 'Standard_NC16as_T4_v3'],
    isRace: true, // One that begins anew has not been refused yet.
    unsure: ['incarnation'],
    operated: stage => ({ ...ofOneSize(stage), after: operatedOn(stage, stage.place.sizes) }),
    prepare: playing,
    async act(stage) {
      await nothingLeft(stage, 0)
      await evict(stage)
    },
    async ends({ scene, place }) {
      const isThere = ({ status }: GameSession) => status?.placement?.size === place.sizes[1]
      return await scene.session(EVENING, 'plays on another', session => isSettled(session) && isThere(session))
    },
    async leave(stage) {
      await nothingLeft(stage, null)
      await leave(stage)
    },
  },
  {
    ...common,
    title: 'a session is ended while it recovers',
    prepare: playing,
    // Once its rescue was asked for: an end that comes sooner may leave nothing to be rescued.
    async act(stage) {
      await evict(stage)
      await stage.scene.until('it is being rescued', async () => {
        const { metadata } = await stage.scene.machine(machineOf(stage), 'is there', () => true)
        const { virtualMachines } = await stage.world.azure.of(metadata.uid ?? '')
        return virtualMachines.some(({ name }) => name.endsWith('-vm-2'))
      })
      await want(stage, { desiredState: 'Ended' })
    },
    ends: async stage => await settles(stage, 'Ended'),
  },
  {
    ...common,
    title: 'the paid time of a session ends',
    prepare: async stage => [machineOf(stage)],
    async act(stage) {
      await begin(stage, 1)
      await stage.scene.machine(machineOf(stage), 'is asked for', () => true)
    },
    ends: async stage => await settles(stage, 'Ended'),
  },
  {
    ...common,
    title: 'a session is paused',
    prepare: playing,
    act: async stage => await want(stage, { desiredState: 'Paused' }),
    ends: async stage => await settles(stage, 'Paused'),
  },
  {
    ...common,
    title: 'a session is resumed and pays more',
    prepare: resting,
    act: async stage => await want(stage, { desiredState: 'Running', paidSeconds: PAID_SECONDS * 2 }),
    ends: async stage => await settles(stage, 'Running', 'Spot'),
  },
]
