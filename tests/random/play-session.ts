// Plays a whole session by lot: metered as the API has it, with the player's wishes and the agent's reports beside what
// Azure does, in one region or in whichever of several has a machine for it. Its bill is watched all the time; what ends
// has to be gone from Azure before it says so.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { isSettled } from '../operator/support/world.ts'
import { billingWitness } from './billing-witness.ts'
import { deeds } from './deeds.ts'
import { decisionsByUid, failed, judge, type Life } from './judge.ts'
import { looks } from './looks.ts'
import { withSizes } from './place.ts'
import { AMID_SECONDS, type Played, REST_SECONDS, type Stage } from './play.ts'
import { staysAtRest } from './rest.ts'
import { isBoundToEnd, isBoundToRest, type SessionAction, type SessionLast } from './scenario.ts'
import { troupe } from './troupe.ts'

const NAME = 'evening'
const SUSPEND = 'wasd.cloud/suspend'
const PAID_GRACE_SECONDS = 1
/** In which a machine is made and what little was paid is played out. */
const END_SECONDS = 5
/** By a top-up in the midst of it. */
const MORE_SECONDS = 2
/** Enough for whatever is left to be seen. */
const PLENTY_SECONDS = 600

export interface PlayedSession extends Played {
  endReason: string | undefined
  /** In how many it had a machine. */
  regions: number
}

const isOver = ({ status }: GameSession) => status?.phase === 'Ended'

/**
 * Throws with what was wrong, the actions so far and the operator's own story. `paidSeconds`: at the beginning. `regions`:
 * those that it names, its own place's first; in the others it is a guest, and what their lives are refused it is refused.
 */
export async function playSession(
  stage: Omit<Stage, 'last'> & { last?: SessionLast; paidSeconds: number; regions?: readonly string[] },
  actions: readonly SessionAction[],
): Promise<PlayedSession> {
  const { world, scene, place, last = 'Running', isWishedAmid = false, plant, neverComes } = stage
  const { regions = [place.region] } = stage
  const { azure, kube, clock } = world
  const { namespace } = scene
  const operators = troupe(scene, {
    sessions: true,
    paidGraceSeconds: PAID_GRACE_SECONDS,
    catalogue: withSizes(world.catalogue, place.sizes),
    ...(plant && { plant }),
  })
  const began = await azure.mark()
  const witness = billingWitness({ kube, namespace, clock, paidGraceSeconds: PAID_GRACE_SECONDS })
  operators.begin()
  const presence = { disconnectGraceSeconds: 1, clientCIDRs: ['203.0.113.0/24'] }
  const played = await scene.play(NAME, { regions: [...regions], paidSeconds: stage.paidSeconds, ...presence })
  const names = regions.map(region => `${NAME}-${region}`)
  const life: Life = { azure, troupe: operators, began, names, actions }
  /** Of the machines that were seen, the newest last. */
  const seen = new Set<string>()
  const uids = () => [...seen]
  const machines = async () => (await kube.list(gpuVms, { namespace })).items
  function also(): void {
    for (const { metadata } of scene.lastOfMachines()) seen.add(metadata.uid ?? '')
    witness.judge()
  }
  const { look, until, atMost } = looks({ azure, clock, uids, neverComes, also })
  const { act: deed, calm, evictions } = deeds({ world, place, troupe: operators, uids })
  await until('a machine is asked for', async () => seen.size > 0)
  const session = async () => await scene.sessionNow(NAME)
  const hasEnded = async () => (await scene.sessionWhen(NAME, isOver)) !== undefined

  /** As it says, and as Azure says; read in this order, since what has ended must be gone before. */
  async function isAtRest(): Promise<boolean> {
    const told = scene.lastOfSession(NAME)
    if (told !== undefined && !isOver(told) && !isSettled(told)) return false // The server need not be asked.
    const now = await session()
    if (now === undefined) return true
    const standing = isOver(now) ? await standingOf(uids()) : []
    if (standing.length > 0) throw new Error(`I3: it says that it has ended, and in Azure: ${standing.join(', ')}`)
    if (!isSettled(now)) return false
    const states = (await Promise.all(uids().map(azure.of))).flatMap(({ virtualMachines }) =>
      virtualMachines.map(({ simulator }) => simulator.powerState ?? ''),
    )
    const isRunning = now.status?.phase === 'Running'
    const isAsAsked = isRunning ? states.length === 1 && (await machines()).length === 1 : true
    return isAsAsked && states.every(state => state === (isRunning ? 'running' : 'deallocated'))
  }

  async function standingOf(those: readonly string[]): Promise<string[]> {
    return (await Promise.all(those.map(async uid => await azure.standing(uid)))).flat()
  }

  /** A wish that comes when the end is decided is refused. */
  async function want(spec: object): Promise<void> {
    await scene.want(NAME, { spec }).catch((error: unknown) => {
      if (!isKubeError(error, 'Invalid') && !isKubeError(error, 'NotFound')) throw error
    })
  }

  async function payFor(seconds: number): Promise<void> {
    const paid = (await session())?.spec.paidSeconds ?? 0
    await want({ paidSeconds: paid + seconds })
  }

  /** As the API does with what the agent of the machine that is meant now has sent. */
  async function report(connected: boolean): Promise<void> {
    const name = (await session())?.status?.vm?.name
    const incarnation = name && (await scene.get(name))?.status?.incarnation?.number
    if (name === undefined || !incarnation) return
    const guest = { incarnation, connected, reportedAt: clock.now().toISOString() }
    await scene.edit(gpuVms, name, { guest }).catch((error: unknown) => {
      if (!isKubeError(error, 'NotFound')) throw error // It ended meanwhile.
    })
  }

  async function annotate(value: string | null): Promise<void> {
    const metadata = { annotations: { [SUSPEND]: value } }
    await kube.mergePatch(gameSessions, { namespace, name: NAME }, { metadata })
  }

  async function act(action: SessionAction): Promise<void> {
    switch (action.do) {
      case 'Pause':
        return await want({ desiredState: 'Paused' })
      case 'Resume':
        return await want({ desiredState: 'Running' })
      case 'End':
        return await want({ desiredState: 'Ended' })
      case 'PayMore':
        return await payFor(MORE_SECONDS)
      case 'Connect':
        return await report(true)
      case 'Leave':
        return await report(false)
      case 'Suspend':
        return await annotate('')
      case 'Release':
        return await annotate(null)
      case 'AwaitRest':
        return await (isBoundToRest(done) ? until('it rests', isAtRest) : atMost(REST_SECONDS, isAtRest))
      case 'AwaitEnd':
        return await (isBoundToEnd(done, stage.paidSeconds)
          ? until('it ends', hasEnded)
          : atMost(END_SECONDS, hasEnded))
      default:
        return await deed(action)
    }
  }

  const wishes = { Running: 'Running', Deallocated: 'Paused', Ended: 'Ended' } as const

  async function wish(): Promise<void> {
    const now = await session()
    if (now === undefined || now.metadata.deletionTimestamp !== undefined) return // It was wished amid the faults.
    await annotate(null)
    if (last === 'Deleted') return void (await scene.drop(NAME))
    await payFor(PLENTY_SECONDS)
    await report(true)
    await want({ desiredState: wishes[last] })
  }

  /** The faults are over, and what is asked for can be had: it has to come about, unless it has ended before. */
  async function settle(): Promise<GameSession | undefined> {
    if (isWishedAmid) {
      await wish()
      await atMost(AMID_SECONDS, async () => last !== 'Deleted' && (await isAtRest()))
    }
    await calm()
    await wish()
    if (last === 'Deleted') return await session() // In the midst of whatever is left to be done.
    const phase = wishes[last]
    const isThere = (now: GameSession) => now.status?.phase === phase || isOver(now)
    await until(
      `it is ${phase}, or has ended`,
      async () => (await scene.sessionWhen(NAME, isThere)) !== undefined && (await isAtRest()),
    )
    return await session()
  }

  async function leave(): Promise<void> {
    await scene.drop(NAME)
    await until('it is gone, and its bill seen to the end', async () => witness.hasSeenEndOf(played))
    const all = [...decisionsByUid(operators, names).keys(), ...uids()]
    await until('I2: nothing of it stands in Azure', async () => (await standingOf(all)).length === 0)
  }

  const done: SessionAction[] = []
  try {
    for (const action of actions) {
      done.push(action)
      await act(action)
      await look()
    }
    const settled = await settle()
    await look() // At what stands now, whenever that came about.
    const [machine] = await machines()
    if (last !== 'Deleted') await judge(life) // Else it is in the midst of a step, which is told when it is done.
    if (last !== 'Deleted' && stage.isRestWatched) {
      await staysAtRest({ world, namespace, troupe: operators, uids: uids() })
    }
    await leave()
    await judge(life)
    witness.judge()
    const all = decisionsByUid(operators, names)
    return {
      evictions: evictions(),
      incarnations: machine?.status?.incarnation?.number ?? 0,
      decisions: [...all.values()].flat().length,
      regions: new Set([...all.values()].map(([first]) => first?.seen.machine.spec.region)).size,
      endReason: settled?.status?.endReason,
    }
  } catch (error) {
    const objects = [await session().catch(() => undefined), ...(await machines().catch(() => []))]
    throw await failed(life, { error, done, last, objects })
  } finally {
    await witness.stop()
  }
}
