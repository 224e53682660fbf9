// What a life is, by its seed and its number alone: what befalls it, where it is played and from what it begins. These two
// play it again. How the processes interleave then is not drawn by anybody and not played again: what hangs on that may
// take several tries to show once more.
import fc from 'fast-check'
import type { Catalogue } from '../../crds/catalogue.ts'
import { type Place, places } from './place.ts'
import { machineScenario, type Scenario, sessionScenario, words } from './scenario.ts'

export interface Draw {
  seed: number
  index: number
}

export interface Lot {
  scenario: Scenario
  place: Place
  /** A session names them, its place's first. */
  regions: readonly string[]
  /** It begins as a copy of the disk that rests in another region. */
  isCopy: boolean
  /** Once it rests it is watched for what that costs. */
  isRestWatched: boolean
}

/** One life in so many is a whole session's. */
const SESSIONS_ONE_IN = 4
/** So many machines' lives begin as a copy of a disk in another region, where they are not played in that very one. */
const COPIES_ONE_IN = 5
/** No divisor of the others: sessions, machines and copies are each among them, and everywhere, since each round is shifted. */
const RESTS_ONE_IN = 3

/** Life number `index` of this seed. */
export function lotOf({ seed, index }: Draw, catalogue: Catalogue): Lot {
  const scenario = scenarioOf({ seed, index })
  const place = placeOf(index, places({ catalogue }))
  const isOther = place.region !== savesRegionOf(catalogue)
  return {
    scenario,
    place,
    regions: regionsFrom(place, Object.keys(catalogue.regions), scenario.of === 'Session' ? scenario.regions : 1),
    isCopy: scenario.of === 'Machine' && index % COPIES_ONE_IN === 0 && isOther,
    isRestWatched: index % RESTS_ONE_IN === 0,
  }
}

/** So many of them, each place's own first and then those that follow it. */
function regionsFrom({ region }: Place, all: readonly string[], count: number): string[] {
  const at = all.indexOf(region)
  return [...all.slice(at), ...all.slice(0, at)].slice(0, count)
}

/** Where the disk rests that lives begin as a copy of: the second region that is not used by zones. */
export function savesRegionOf({ regions }: Catalogue): string {
  const [, region] = Object.entries(regions).flatMap(([key, { zones }]) => (zones ? [] : [key]))
  if (region === undefined) throw new Error('The catalogue has no other region for the saves.')
  return region
}

/**
 * In a round of as many lives as there are places each has one; the next round begins one place further on, so that what
 * goes by the number, such as whose life it is, comes to all of them.
 */
function placeOf<Of>(index: number, all: readonly Of[]): Of {
  const place = all[(index + Math.floor(index / all.length)) % all.length]
  if (place === undefined) throw new Error('There is no place to play in.')
  return place
}

/** The numbers of the lives that are played in each of the catalogue's places, from `from` on; they never end. */
export function numbersByPlace(catalogue: Catalogue, from: number): Iterable<number>[] {
  const all = places({ catalogue })
  return all.map(place => numbersIn(place, all, from))
}

function* numbersIn(place: Place, all: readonly Place[], from: number): Generator<number, never> {
  for (let index = from; ; index += 1) if (placeOf(index, all) === place) yield index
}

function scenarioOf({ seed, index }: Draw): Scenario {
  const arbitrary = index % SESSIONS_ONE_IN === 1 ? sessionScenario : machineScenario
  const [drawn] = fc.sample(arbitrary, { numRuns: 1, seed: seed + index * 7919 })
  if (drawn === undefined) throw new Error('Nothing was drawn.')
  return drawn
}

/** For a person, in two lines: where, and what. */
export function wordsOf({ scenario, place, regions, isCopy }: Lot): string {
  const { sizes, zones } = place
  const where = `in ${regions.join(' or ')}${zones ? `, by zones ${zones.join(' ')}` : ''}, on ${sizes.join(' or ')}`
  return `${where}${isCopy ? ', from a copy of the saves' : ''}\n${words(scenario)}`
}
