// How often Azure takes spot machines back: what it publishes, corrected by what we have seen ourselves.
//
//     evictions per hour = (seen evictions + PUBLISHED_HOURS × published rate) / (seen machine-hours + PUBLISHED_HOURS)
//
// So Azure's figure counts as much as a day of one machine, and gives way to our own experience as that grows. What was
// seen fades: after a week it counts half. Azure publishes by region and size; what we see is the zone's, where one was
// asked for.
import type { Zone } from '../../crds/catalogue.ts'
import type { Clock } from '../../lib/process/clock.ts'

/** As many machine-hours of our own weigh as much as Azure's figure. */
const PUBLISHED_HOURS = 24
/** Where Azure says nothing: the border between its two lowest ranges. */
const USUAL_RATE = 0.05
const HALF_LIFE_HOURS = 7 * 24
/** Machines and places that are followed at most; far above any fleet, and what is beyond is not counted. */
const MAXIMUM = 100_000

export interface SpotPlace {
  region: string
  /** Absent where no zone is asked for. */
  zone?: Zone | undefined
  size: string
}

/** What was seen of one place. */
export interface Seen extends SpotPlace {
  evictions: number
  machineHours: number
}

export interface EvictionEvidence {
  /** Per machine and hour, the two below together; `undefined` when neither is known. */
  evictionsPerHour: number | undefined
  /** What Azure publishes, as a share of machines per hour. */
  published: number | undefined
  seen: { evictions: number; machineHours: number }
}

export interface EvictionRates {
  of(place: SpotPlace): EvictionEvidence
  /** A spot machine runs from now on. */
  began(machineUid: string, place: SpotPlace): void
  ended(machineUid: string, how: 'Evicted' | 'Released'): void
  /** What an earlier process saw. */
  recall(seen: readonly Seen[]): void
  /** What Azure says now. */
  publish(rates: readonly (SpotPlace & { rate: number })[]): void
}

interface Tally {
  evictions: number
  machineHours: number
  /** Monotonic hours at which the two were true. */
  at: number
}

export function evictionRates({ clock }: { clock: Pick<Clock, 'monotonic'> }): EvictionRates {
  const tallies = new Map<string, Tally>()
  const running = new Map<string, SpotPlace & { since: number }>()
  /** By place: how many run there, and the hours at which they began, summed; asked for at every ranking. */
  const underWay = new Map<string, { machines: number; sinceSum: number }>()
  let published = new Map<string, number>()
  const hours = () => clock.monotonic() / 3_600_000

  /** As it is now, faded. */
  function tallyOf(place: SpotPlace): Tally {
    const now = hours()
    const known = tallies.get(keyOf(place)) ?? { evictions: 0, machineHours: 0, at: now }
    const left = 0.5 ** ((now - known.at) / HALF_LIFE_HOURS)
    return { evictions: known.evictions * left, machineHours: known.machineHours * left, at: now }
  }
  function add(place: SpotPlace, { evictions, machineHours }: Omit<Tally, 'at'>): void {
    if (tallies.size >= MAXIMUM && !tallies.has(keyOf(place))) return
    const tally = tallyOf(place)
    tally.evictions += evictions
    tally.machineHours += machineHours
    tallies.set(keyOf(place), tally)
  }
  function hoursUnderWay(place: SpotPlace): number {
    const { machines, sinceSum } = underWay.get(keyOf(place)) ?? { machines: 0, sinceSum: 0 }
    return machines * hours() - sinceSum
  }
  function count(place: SpotPlace, change: { machines: 1 | -1; since: number }): void {
    const { machines, sinceSum } = underWay.get(keyOf(place)) ?? { machines: 0, sinceSum: 0 }
    const next = { machines: machines + change.machines, sinceSum: sinceSum + change.machines * change.since }
    if (next.machines === 0) underWay.delete(keyOf(place))
    else underWay.set(keyOf(place), next)
  }

  return {
    of(place) {
      const tally = tallyOf(place)
      const seen = { evictions: tally.evictions, machineHours: tally.machineHours + hoursUnderWay(place) }
      const rate = published.get(keyOf({ region: place.region, size: place.size }))
      const isKnown = rate !== undefined || seen.evictions > 0 || seen.machineHours >= 1
      const weighed = (seen.evictions + PUBLISHED_HOURS * (rate ?? USUAL_RATE)) / (seen.machineHours + PUBLISHED_HOURS)
      return { evictionsPerHour: isKnown ? weighed : undefined, published: rate, seen }
    },
    began(machineUid, { region, zone, size }) {
      if (running.size >= MAXIMUM || running.has(machineUid)) return
      const one = { region, zone, size, since: hours() }
      running.set(machineUid, one)
      count(one, { machines: 1, since: one.since })
    },
    ended(machineUid, how) {
      const one = running.get(machineUid)
      if (one === undefined) return
      running.delete(machineUid)
      count(one, { machines: -1, since: one.since })
      add(one, { evictions: how === 'Evicted' ? 1 : 0, machineHours: hours() - one.since })
    },
    recall(seen) {
      for (const one of seen) add(one, one)
    },
    publish(rates) {
      published = new Map(rates.slice(0, MAXIMUM).map(({ rate, ...place }) => [keyOf(place), rate]))
    },
  }
}

/** The middle of a range as Azure writes it (`5-10` percent of machines in an hour; `20+`); `undefined` if it is none. */
export function rateOfRange(range: string): number | undefined {
  const [, low, high, open] = /^(\d{1,3})(?:-(\d{1,3})|(\+))$/.exec(range) ?? []
  if (low === undefined) return undefined
  // Nothing bounds what is open; half a range of five more is the least that it can mean.
  return open === '+' ? (Number(low) + 5) / 100 : (Number(low) + Number(high)) / 200
}

function keyOf({ region, zone, size }: SpotPlace): string {
  return `${region}/${zone ?? ''}/${size}`.toLowerCase() // Azure's casing of sizes differs from one API to the next.
}
