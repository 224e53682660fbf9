// Many scenarios, some at a time, each with a namespace and a region's sizes to itself.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isPlayable, isReady, type World } from '../operator/support/world.ts'
import { lotOf, numbersByPlace, savesRegionOf, wordsOf } from './lot.ts'
import { type Played, play, type Stage } from './play.ts'
import { playSession } from './play-session.ts'
import { isBoundToBeEvicted, type Scenario, type SessionLast } from './scenario.ts'

export interface Outcome {
  played: number
  /** That Azure carried out. */
  evictions: number
  incarnations: number
  decisions: number
  /** Of those played, the ones that began as a copy from another region. */
  copies: number
  /** Of those played, the ones that were watched at rest. */
  rests: number
  sessions: number
  /** Of the sessions, those that had a machine in more than one region. */
  moves: number
  /** Of the sessions that had ended when all was well, why. */
  endings: Record<string, number>
  lasts: Record<SessionLast, number>
}

/** A disk with somebody's saves on which nothing runs, where scenarios that are played alone are not. */
async function savesAtRest(world: World, namespace: string) {
  const region = savesRegionOf(world.catalogue)
  const scene = await world.scene(namespace)
  scene.operate()
  await scene.apply('saves', { region, size: 'Standard_NV6ads_A10_v5' })
  await scene.machine('saves', 'is playable', isPlayable)
  await scene.change('saves', { powerState: 'Deallocated' })
  const { status } = await scene.machine('saves', 'rests', machine => isReady(machine) && isAtRest(machine))
  return {
    osDisk: status?.resources?.osDisk ?? '',
    async leave(): Promise<void> {
      await scene.delete('saves')
      await scene.gone('saves')
      await scene.end()
    },
  }
}

const isAtRest = ({ status }: GpuVm) => status?.powerState === 'Deallocated'

/**
 * The world of the proof and of the soak, so that what fails in one is played again in the other. Time is driven by hand. A
 * disk is copied in half a minute of Azure's: in the matrices each look at it is one more point to be cut off at.
 */
export const bySeed = (seed: number) => ({
  azureArguments: [`--seed=${seed}`, '--delay=snapshot=3'],
  isTimeByHand: true,
})

/**
 * Throws with the seed and the number of the first that fails, which is all it takes to play it again, but for how the
 * processes interleave. `isEnough` is asked by how many lives come before.
 */
export async function playMany(
  world: World,
  { seed, from = 0, isEnough }: { seed: number; from?: number; isEnough: (before: number) => boolean },
): Promise<Outcome> {
  const outcome: Outcome = { ...nothing(), endings: {}, lasts: { Running: 0, Deallocated: 0, Deleted: 0, Ended: 0 } }
  let isBroken = false
  const saves = await savesAtRest(world, `saves-${seed}-${from}`)

  async function work(numbers: Iterable<number>): Promise<void> {
    for (const index of numbers) {
      if (isBroken || isEnough(index - from)) return
      const lot = lotOf({ seed, index }, world.catalogue)
      const { place, regions, isCopy, isRestWatched } = lot
      const scene = await world.scene(`random-${seed}-${index}`)
      try {
        const copyOf = isCopy ? { copyOf: saves.osDisk } : {}
        await playOne(outcome, { world, scene, place, regions, isRestWatched, ...copyOf }, lot.scenario)
        if (isCopy) outcome.copies += 1
      } catch (error) {
        isBroken = true
        const again = `WASD_SEED=${seed} WASD_SCENARIO=${index} npm run soak`
        const told = `Scenario ${index} of seed ${seed}, ${wordsOf(lot)}\n${AGAIN}\n${again}\n`
        throw new Error(`${told}${error instanceof Error ? error.message : error}`, { cause: error })
      } finally {
        await scene.end()
      }
    }
  }
  const ended = await Promise.allSettled(numbersByPlace(world.catalogue, from).map(work))
  await saves.leave()
  const [failed] = ended.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  if (failed !== undefined) throw failed
  return outcome
}

const AGAIN = 'Play it again; what hangs on how the processes interleave may take several tries:'

function nothing() {
  return { played: 0, evictions: 0, incarnations: 0, decisions: 0, copies: 0, rests: 0, sessions: 0, moves: 0 }
}

async function playOne(
  outcome: Outcome,
  stage: Stage & { regions: readonly string[] },
  drawn: Scenario,
): Promise<void> {
  const { isWishedAmid, last } = drawn
  if (drawn.of === 'Machine') {
    count(outcome, await play({ ...stage, last: drawn.last, isWishedAmid }, drawn.actions), drawn)
  } else {
    const { paidSeconds } = drawn
    const played = await playSession({ ...stage, last: drawn.last, isWishedAmid, paidSeconds }, drawn.actions)
    count(outcome, played, drawn)
    outcome.sessions += 1
    if (played.regions > 1) outcome.moves += 1
    const why = played.endReason ?? 'None'
    outcome.endings[why] = (outcome.endings[why] ?? 0) + 1
  }
  outcome.lasts[last] += 1
  if (stage.isRestWatched && last !== 'Deleted') outcome.rests += 1
}

/** Throws where what was drawn was not done. */
function count(outcome: Outcome, { evictions, incarnations, decisions }: Played, drawn: Scenario): void {
  if (evictions === 0 && isBoundToBeEvicted(drawn))
    throw new Error('It was to be evicted while it rested on spot, and was not.')
  outcome.played += 1
  outcome.evictions += evictions
  outcome.incarnations += incarnations
  outcome.decisions += decisions
}
