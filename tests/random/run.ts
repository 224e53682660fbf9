// Many scenarios, some at a time, each with a namespace and a region's sizes to itself.
import fc from 'fast-check'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isPlayable, isReady, type World } from '../operator/support/world.ts'
import { type Place, places } from './place.ts'
import { type Played, play, type Stage } from './play.ts'
import { playSession } from './play-session.ts'
import { machineScenario, type Scenario, type SessionLast, sessionScenario, words } from './scenario.ts'

export interface Outcome {
  played: number
  evictions: number
  incarnations: number
  decisions: number
  /** Of those played, the ones that began as a copy from another region. */
  copies: number
  sessions: number
  /** Of the sessions that had ended when all was well, why. */
  endings: Record<string, number>
  lasts: Record<SessionLast, number>
}

/** So many lives begin as a copy of a disk in another region, where they are not played in that very one. */
const COPIES_ONE_IN = 5

/** A disk with somebody's saves on which nothing runs, where scenarios that are played alone are not. */
async function savesAtRest(world: World, namespace: string) {
  const [, region] = Object.entries(world.catalogue.regions).flatMap(([key, { zones }]) => (zones ? [] : [key]))
  if (region === undefined) throw new Error('The catalogue has no other region for the saves.')
  const scene = await world.scene(namespace)
  scene.operate()
  await scene.apply('saves', { region, size: 'Standard_NV6ads_A10_v5' })
  await scene.machine('saves', 'is playable', isPlayable)
  await scene.change('saves', { powerState: 'Deallocated' })
  const { status } = await scene.machine('saves', 'rests', machine => isReady(machine) && isAtRest(machine))
  return {
    region,
    osDisk: status?.resources?.osDisk ?? '',
    async leave(): Promise<void> {
      await scene.delete('saves')
      await scene.gone('saves')
      await scene.end()
    },
  }
}

const isAtRest = ({ status }: GpuVm) => status?.powerState === 'Deallocated'

/** One life in so many is a whole session's. */
const SESSIONS_ONE_IN = 4

/** Scenario number `index` of this seed; the same pair gives the same life. */
export function scenarioOf({ seed, index }: { seed: number; index: number }): Scenario {
  const arbitrary = index % SESSIONS_ONE_IN === 1 ? sessionScenario : machineScenario
  const [drawn] = fc.sample(arbitrary, { numRuns: 1, seed: seed + index * 7919 })
  if (drawn === undefined) throw new Error('Nothing was drawn.')
  return drawn
}

/** Throws with the seed and the number of the first that fails, which is all it takes to play it again. */
export async function playMany(
  world: World,
  { seed, from = 0, isEnough }: { seed: number; from?: number; isEnough: (played: number) => boolean },
): Promise<Outcome> {
  const outcome: Outcome = { ...nothing(), endings: {}, lasts: { Running: 0, Deallocated: 0, Deleted: 0, Ended: 0 } }
  let next = from
  let isBroken = false
  const saves = await savesAtRest(world, `saves-${seed}-${from}`)

  async function work(place: Place): Promise<void> {
    while (!isBroken && !isEnough(next - from)) {
      const index = next++
      const drawn = scenarioOf({ seed, index })
      const scene = await world.scene(`random-${seed}-${index}`)
      const isCopy = drawn.of === 'Machine' && index % COPIES_ONE_IN === 0 && place.region !== saves.region
      try {
        const copyOf = isCopy ? { copyOf: saves.osDisk } : {}
        await playOne(outcome, { world, scene, place, ...copyOf }, drawn)
        if (isCopy) outcome.copies += 1
      } catch (error) {
        isBroken = true
        const again = `WASD_SEED=${seed} WASD_SCENARIO=${index} npm run soak`
        const told = `Scenario ${index} of seed ${seed}: ${words(drawn)}\nPlay it again: ${again}\n`
        throw new Error(`${told}${error instanceof Error ? error.message : error}`, { cause: error })
      } finally {
        await scene.end()
      }
    }
  }
  const ended = await Promise.allSettled(places(world).map(work))
  await saves.leave()
  const [failed] = ended.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  if (failed !== undefined) throw failed
  return outcome
}

function nothing() {
  return { played: 0, evictions: 0, incarnations: 0, decisions: 0, copies: 0, sessions: 0 }
}

async function playOne(outcome: Outcome, stage: Stage, drawn: Scenario): Promise<void> {
  const { isWishedAmid, last } = drawn
  if (drawn.of === 'Machine') {
    count(outcome, await play({ ...stage, last: drawn.last, isWishedAmid }, drawn.actions))
  } else {
    const { paidSeconds } = drawn
    const played = await playSession({ ...stage, last: drawn.last, isWishedAmid, paidSeconds }, drawn.actions)
    count(outcome, played)
    outcome.sessions += 1
    const why = played.endReason ?? 'None'
    outcome.endings[why] = (outcome.endings[why] ?? 0) + 1
  }
  outcome.lasts[last] += 1
}

function count(outcome: Outcome, { evictions, incarnations, decisions }: Played): void {
  outcome.played += 1
  outcome.evictions += evictions
  outcome.incarnations += incarnations
  outcome.decisions += decisions
}
