// What Azure refused lately, so that nobody asks for it again before it can have changed. In memory; after a restart it
// is learned from the history (experience.ts), or without one from the first refusal. How long and how far a refusal
// counts is said by azure/decisions.ts.
//
// A refusal is in force until its time is over, or until something speaks against it: a machine of ours gave the same
// place back, or Azure granted it after all. Then it is doubted: one may try, and with each that is granted twice as
// many at a time, until so many were granted that nothing is left of the doubt. So a crowd that waits for one machine
// is never sent for it all at once.
import type { Zone } from '../../crds/catalogue.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type Decision, decideOn, type RefusalScope } from '../azure/decisions.ts'
import { AzureError } from '../azure/errors.ts'

/** One kind of capacity: what a machine can be placed on. */
export interface Place {
  /** Azure's short name. */
  region: string
  /** Absent: in none, wherever the region has room. */
  zone?: Zone | undefined
  size: string
  priority: 'Spot' | 'Regular'
}

export function isSamePlace(one: Place, other: Place): boolean {
  return isSameZone(one, other) && one.size === other.size && one.priority === other.priority
}

export function isSameZone(one: Pick<Place, 'region' | 'zone'>, other: Pick<Place, 'region' | 'zone'>): boolean {
  return one.region === other.region && one.zone === other.zone
}

interface Refusal {
  /** Azure's code. */
  code: string
  /** By the monotonic clock of this process, in milliseconds. */
  at: number
  until: number
  /** What was granted since. */
  granted: number
}

/** The refusal that rules a place out, and for how long yet. */
export interface Ruling {
  code: string
  leftSeconds: number
}

/** A refusal that is over and has not been disproved: what it covers is tried by few at a time. */
export interface Doubt {
  /** The same for all places that the refusal covers. */
  key: string
  /** As many may be on their way there at a time. */
  permitted: number
}

export interface Refusals {
  /**
   * Takes an `AzureError` as it is, said to a machine. What does not speak of capacity, quota or zones is no refusal, and
   * changes nothing.
   */
  remember(refusal: { code: string; message: string }, place: Place, machineUid: string): void
  /**
   * Azure runs a machine there now. It speaks against what was refused before it was asked for, by the monotonic clock;
   * a refusal that came later is the newer word, however long Azure took to make the machine.
   */
  granted(place: Place, askedAt: number): void
  /** A machine of ours gave this back: what was refused may be to be had again. True when that changes anything. */
  ease(place: Place): boolean
  /** `undefined` when nothing known speaks against asking for the place. */
  ruling(place: Place): Ruling | undefined
  /** Whether this machine's own disks or address keep it out of a zone. */
  isUnfit(machineUid: string, place: Pick<Place, 'region' | 'zone'>): boolean
  /** Empty when nothing that covers the place was refused lately. */
  doubts(place: Place): Doubt[]
}

/**
 * Far above zones times sizes of any catalogue, and the few machines that a zone is none for; beyond it the oldest is
 * forgotten, which costs one more refusal.
 */
const MAXIMUM_REFUSALS = 2000
/** For so long a zone is believed to be none, or none for a machine. */
const UNFIT_SECONDS = 3600
/** For so long after its end a refusal is doubted. */
const DOUBT_SECONDS = 3600
/** After so many grants in a row nothing is left of a doubt; 32 may be on their way by then. */
const CONVINCING_GRANTS = 6

export function rememberRefusals({ clock }: { clock: Pick<Clock, 'monotonic'> }): Refusals {
  const known = new Map<string, Refusal>()

  const current = (key: string): Refusal | undefined => {
    const refusal = known.get(key)
    if (refusal === undefined || refusal.until + DOUBT_SECONDS * 1000 > clock.monotonic()) return refusal
    known.delete(key)
    return undefined
  }
  const covering = (place: Place) =>
    scopesOf(place).flatMap(scope => {
      const key = keyOf(scope, place)
      const refusal = current(key)
      return refusal === undefined ? [] : [{ key, refusal }]
    })
  const inForce = (place: Place) => covering(place).filter(({ refusal }) => refusal.until > clock.monotonic())

  return {
    remember({ code, message }, place, machineUid) {
      const ruled = ruledOut(decideOn(new AzureError(code, message)), place, machineUid)
      if (ruled === undefined) return
      const { key, seconds } = ruled
      known.delete(key) // Set anew at the end, so that the first is always the oldest.
      const at = clock.monotonic()
      known.set(key, { code, at, until: at + seconds * 1000, granted: 0 })
      const [oldest] = known.keys()
      if (known.size > MAXIMUM_REFUSALS && oldest !== undefined) known.delete(oldest)
    },
    granted(place, askedAt) {
      for (const { key, refusal } of covering(place)) {
        if (askedAt < refusal.at) continue
        refusal.until = Math.min(refusal.until, clock.monotonic())
        refusal.granted += 1
        if (refusal.granted >= CONVINCING_GRANTS) known.delete(key)
      }
    },
    ease(place) {
      const eased = inForce(place)
      for (const { refusal } of eased) refusal.until = clock.monotonic()
      return eased.length > 0
    },
    ruling(place) {
      const [longest] = inForce(place).toSorted((one, other) => other.refusal.until - one.refusal.until)
      if (longest === undefined) return undefined
      const { code, until } = longest.refusal
      return { code, leftSeconds: (until - clock.monotonic()) / 1000 }
    },
    isUnfit(machineUid, place) {
      const refusal = current(unfitKey(machineUid, place))
      return refusal !== undefined && refusal.until > clock.monotonic()
    },
    doubts: place => covering(place).map(({ key, refusal }) => ({ key, permitted: 2 ** refusal.granted })),
  }
}

function ruledOut(decision: Decision, place: Place, machineUid: string): { key: string; seconds: number } | undefined {
  if (decision.do === 'Stall') {
    if (decision.unfit === undefined || place.zone === undefined) return undefined
    const key = decision.unfit === 'Zone' ? keyOf('Zone', place) : unfitKey(machineUid, place)
    return { key, seconds: UNFIT_SECONDS }
  }
  if (decision.do !== 'Refused') return undefined
  const { scope, ttlSeconds, regularTtlSeconds = ttlSeconds } = decision
  return { key: keyOf(scope, place), seconds: place.priority === 'Regular' ? regularTtlSeconds : ttlSeconds }
}

/** All that may cover a place: refusals of its zone, and those of its region. */
function scopesOf({ priority, zone }: Place): (RefusalScope | 'Zone')[] {
  const zonal = zone === undefined ? [] : (['ZonalPlacement', 'ZonalSize', 'Zone'] as const)
  return [...zonal, 'Placement', 'Size', priority, 'Region']
}

function unfitKey(machineUid: string, { region, zone }: Pick<Place, 'region' | 'zone'>): string {
  return `MachineInZone/${machineUid}/${region}/${zone}`
}

function keyOf(scope: RefusalScope | 'Zone', place: Place): string {
  const { region, zone, size, priority } = place
  switch (scope) {
    // What was asked of the region as a whole was refused by all of its zones.
    case 'ZonalPlacement':
      return zone === undefined ? keyOf('Placement', place) : `${scope}/${region}/${zone}/${size}/${priority}`
    case 'ZonalSize':
      return zone === undefined ? keyOf('Size', place) : `${scope}/${region}/${zone}/${size}`
    case 'Zone':
      return `${scope}/${region}/${zone}`
    case 'Placement':
      return `${scope}/${region}/${size}/${priority}`
    case 'Size':
      return `${scope}/${region}/${size}`
    case 'Spot':
    case 'Regular':
    case 'Region':
      return `${scope}/${region}`
    default:
      return scope satisfies never
  }
}
