// Many scenarios, some at a time, each with a namespace and a region's sizes to itself.
import fc from 'fast-check'
import type { World } from '../operator/support/world.ts'
import { type Place, type Played, play } from './play.ts'
import { type Action, scenario, words } from './scenario.ts'

export interface Outcome {
  played: number
  evictions: number
  incarnations: number
  decisions: number
}

const sizes: [string, string][] = [
  ['Standard_NV12ads_A10_v5', 'Standard_NV6ads_A10_v5'],
  ['Standard_NC8as_T4_v3', 'Standard_NC16as_T4_v3'],
]

/** Where scenarios can be played at the same time: nobody shares a size of a region. */
export function places({ catalogue }: World): Place[] {
  return sizes.flatMap(pair =>
    Object.entries(catalogue.regions).map(([region, { resourceGroup, subscriptionId, zones }]) => ({
      region,
      zones,
      resourceGroup,
      subscriptionId,
      sizes: pair,
    })),
  )
}

/** Scenario number `index` of this seed; the same pair gives the same actions. */
export function scenarioOf({ seed, index }: { seed: number; index: number }): Action[] {
  const [actions] = fc.sample(scenario, { numRuns: 1, seed: seed + index * 7919 })
  return actions ?? []
}

/** Throws with the seed and the number of the first that fails, which is all it takes to play it again. */
export async function playMany(
  world: World,
  { seed, from = 0, isEnough }: { seed: number; from?: number; isEnough: (played: number) => boolean },
): Promise<Outcome> {
  const outcome: Outcome = { played: 0, evictions: 0, incarnations: 0, decisions: 0 }
  let next = from
  let isBroken = false

  async function work(place: Place): Promise<void> {
    while (!isBroken && !isEnough(next - from)) {
      const index = next++
      const actions = scenarioOf({ seed, index })
      const scene = await world.scene(`random-${seed}-${index}`)
      try {
        count(outcome, await play({ world, scene, place }, actions))
      } catch (error) {
        isBroken = true
        const again = `WASD_SEED=${seed} WASD_SCENARIO=${index} npm run soak`
        const told = `Scenario ${index} of seed ${seed}: ${words(actions)}\nPlay it again: ${again}\n`
        throw new Error(`${told}${error instanceof Error ? error.message : error}`, { cause: error })
      } finally {
        await scene.end()
      }
    }
  }
  const ended = await Promise.allSettled(places(world).map(work))
  const [failed] = ended.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
  if (failed !== undefined) throw failed
  return outcome
}

function count(outcome: Outcome, { evictions, incarnations, decisions }: Played): void {
  outcome.played += 1
  outcome.evictions += evictions
  outcome.incarnations += incarnations
  outcome.decisions += decisions
}
