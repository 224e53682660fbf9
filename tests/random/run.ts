// Many scenarios, some at a time, each with a namespace and a region's sizes to itself.
import fc from 'fast-check'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isPlayable, isReady, type World } from '../operator/support/world.ts'
import { type Place, type Played, play } from './play.ts'
import { type Action, type Last, last, scenario, words } from './scenario.ts'

export interface Outcome {
  played: number
  evictions: number
  incarnations: number
  decisions: number
  /** Of those played, the ones that began as a copy from another region. */
  copies: number
  lasts: Record<Last, number>
}

const sizes: [string, string][] = [
  ['Standard_NV12ads_A10_v5', 'Standard_NV6ads_A10_v5'],
  ['Standard_NC8as_T4_v3', 'Standard_NC16as_T4_v3'],
]

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

/** As what that scenario is to end. */
export function lastOf({ seed, index }: { seed: number; index: number }): Last {
  const [drawn] = fc.sample(last, { numRuns: 1, seed: seed + index * 7919 + 1 })
  return drawn ?? 'Running'
}

/** Throws with the seed and the number of the first that fails, which is all it takes to play it again. */
export async function playMany(
  world: World,
  { seed, from = 0, isEnough }: { seed: number; from?: number; isEnough: (played: number) => boolean },
): Promise<Outcome> {
  const lasts = { Running: 0, Deallocated: 0, Deleted: 0 }
  const outcome: Outcome = { played: 0, evictions: 0, incarnations: 0, decisions: 0, copies: 0, lasts }
  let next = from
  let isBroken = false
  const saves = await savesAtRest(world, `saves-${seed}-${from}`)

  async function work(place: Place): Promise<void> {
    while (!isBroken && !isEnough(next - from)) {
      const index = next++
      const actions = scenarioOf({ seed, index })
      const end = lastOf({ seed, index })
      const scene = await world.scene(`random-${seed}-${index}`)
      const isCopy = index % COPIES_ONE_IN === 0 && place.region !== saves.region
      try {
        count(outcome, await play({ world, scene, place, last: end, ...(isCopy && { copyOf: saves.osDisk }) }, actions))
        outcome.lasts[end] += 1
        if (isCopy) outcome.copies += 1
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
  await saves.leave()
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
