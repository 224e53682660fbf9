// Plays a whole session by lot: metered as the API has it, with the player's wishes and the agent's reports beside what
// Azure does. Its bill is watched all the time; what ends has to be gone from Azure before it says so.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { story } from '../../operator/recorder/story.ts'
import { billingWitness } from './billing-witness.ts'
import { deeds } from './deeds.ts'
import { evictionsIn, judgeCreations, judgeDecisions, judgeDeletions } from './judge.ts'
import { looks } from './looks.ts'
import { AMID_SECONDS, type Played, REST_SECONDS, type Stage } from './play.ts'
import { staysAtRest } from './rest.ts'
import type { SessionAction, SessionLast } from './scenario.ts'
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
}

const isOver = ({ status }: GameSession) => status?.phase === 'Ended'
const isSettled = ({ metadata, status }: GameSession) =>
  status?.observedGeneration === metadata.generation && condition(status?.conditions, 'Ready')?.status === 'True'

/** Throws with what was wrong, the actions so far and the operator's own story. `paidSeconds`: at the beginning. */
export async function playSession(
  stage: Omit<Stage, 'last'> & { last?: SessionLast; paidSeconds: number },
  actions: readonly SessionAction[],
): Promise<PlayedSession> {
  const { world, scene, place, last = 'Running', isWishedAmid = false, plant, neverComes } = stage
  const { azure, kube, catalogue } = world
  const { namespace } = scene
  const { standard } = catalogue.tiers
  if (standard === undefined) throw new Error('The catalogue has no tier to play in.')
  const operators = troupe(scene, {
    sessions: true,
    paidGraceSeconds: PAID_GRACE_SECONDS,
    catalogue: { ...catalogue, tiers: { standard: { ...standard, sizes: place.sizes } } },
    ...(plant && { plant }),
  })
  const began = await azure.mark()
  const witness = billingWitness({ kube, namespace, paidGraceSeconds: PAID_GRACE_SECONDS })
  operators.begin()
  const presence = { disconnectGraceSeconds: 1, clientCIDRs: ['203.0.113.0/24'] }
  const played = await scene.play(NAME, { regions: [place.region], paidSeconds: stage.paidSeconds, ...presence })
  const machineName = `${NAME}-${place.region}`
  const { uid = '' } = (await scene.machine(machineName, 'is asked for', () => true)).metadata
  const { look, until, atMost } = looks({ azure, uids: () => [uid], neverComes, also: witness.judge })
  const { act: deed, calm } = deeds({ world, place, troupe: operators, uid })
  const session = async () => await scene.sessionNow(NAME)
  const hasEnded = async () => (await session())?.status?.phase === 'Ended'

  /** As it says, and as Azure says; read in this order, since what has ended must be gone before. */
  async function isAtRest(): Promise<boolean> {
    const now = await session()
    if (now === undefined) return true
    const states = (await azure.of(uid)).virtualMachines.map(({ simulator }) => simulator.powerState ?? '')
    const standing = isOver(now) ? await azure.standing(uid) : []
    if (standing.length > 0) throw new Error(`I3: it says that it has ended, and in Azure: ${standing.join(', ')}`)
    const permitted = now.status?.phase === 'Running' ? ['running'] : ['deallocated']
    const isAsAsked = now.status?.phase === 'Running' ? states.length === 1 : true
    return isSettled(now) && isAsAsked && states.every(state => permitted.includes(state))
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
    const incarnation = (await scene.get(machineName))?.status?.incarnation?.number
    if (incarnation === undefined) return
    const guest = { incarnation, connected, reportedAt: new Date().toISOString() }
    await scene.edit(gpuVms, machineName, { guest }).catch((error: unknown) => {
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
        return await (stage.isUndisturbed ? until('it rests', isAtRest) : atMost(REST_SECONDS, isAtRest))
      case 'AwaitEnd':
        return await (stage.isUndisturbed ? until('it ends', hasEnded) : atMost(END_SECONDS, hasEnded))
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
    await until(`it is ${phase}, or has ended`, async () => {
      const now = await session()
      return now !== undefined && (now.status?.phase === phase || isOver(now)) && (await isAtRest())
    })
    return await session()
  }

  async function leave(): Promise<void> {
    await scene.drop(NAME)
    await until('it is gone, and its bill seen to the end', async () => witness.hasSeenEndOf(played))
    await until('I2: nothing of it stands in Azure', async () => (await azure.standing(uid)).length === 0)
  }

  /** Of all that was decided and asked so far. */
  async function judge(): Promise<void> {
    const decisions = operators.decisions(machineName)
    const calls = (await azure.calls(began)).filter(({ path, status }) => path.includes(uid) && status > 0)
    judgeCreations(calls)
    judgeDeletions(calls, decisions, actions)
    judgeDecisions(decisions, actions)
    witness.judge()
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
    const machine = await scene.get(machineName)
    if (last !== 'Deleted') await judge() // Else it is in the midst of a step, which is told when it is done.
    if (last !== 'Deleted' && stage.isRestWatched) await staysAtRest({ world, namespace, troupe: operators, uid })
    await leave()
    await judge()
    return {
      evictions: evictionsIn(operators.decisions(machineName)),
      incarnations: machine?.status?.incarnation?.number ?? 0,
      decisions: operators.decisions(machineName).length,
      endReason: settled?.status?.endReason,
    }
  } catch (error) {
    const objects = [await session().catch(() => undefined), await scene.get(machineName).catch(() => undefined)]
    const standing = (await azure.standing(uid)).join(', ')
    const text = `After ${done.length} of the actions, ${last} last: ${error instanceof Error ? error.message : error}`
    const told = objects.map(object => JSON.stringify(object, null, 1))
    throw new Error(
      [text, `In Azure: ${standing || 'nothing'}`, ...told, story(operators.decisions(machineName))].join('\n'),
      { cause: error },
    )
  } finally {
    await witness.stop()
  }
}
