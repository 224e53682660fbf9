// Who of all that wait gets what, in one walk: rescues first, then the oldest by creation, then by UID. Each takes the
// best place that still has room, and the next counts what is left; so when one unit frees, one session is served.
//
// Who cannot be served stops nobody else: a younger session may take what the older one cannot use, be it of another
// tier or in another region. But not for ever: once the older has waited five minutes, what frees in a pool that
// is too small for it is saved until it is enough.
import { type Candidate, type Ranking, type RuledOut, rank, type Wish } from './rank.ts'
import { isSamePlace, type Place } from './refusals.ts'
import { type Against, type Claim, type Conditions, Stock } from './stock.ts'

/** So long younger sessions may overtake in a pool that holds less than an older one needs. */
export const OVERTAKEN_SECONDS = 300

/** A session that wants a machine it has not got. */
export interface Asking {
  uid: string
  namespace: string
  name: string
  /** RFC 3339, as Kubernetes writes it. */
  createdAt: string
  /**
   * `Rescue`: it was played already, and waits for no limit, reserve or queue. `Resume`: its machine is stopped, holds
   * its quota, and is to run. `New`: the rest.
   */
  why: 'New' | 'Resume' | 'Rescue'
  wish: Wish
  /** For the plan to know equal wishes by. */
  wishKey: string
  /** Its machine, by UID, whose claim it gives up when it is placed elsewhere (or, for `Resume`, stands by). */
  machineUid?: string
  /** Where that machine is, or was refused. */
  at?: Place
}

export interface Standing {
  askings: Iterable<Asking>
  /** By the machine's UID. */
  claims: ReadonlyMap<string, Claim>
  /** Promised to sessions whose machines are about to be made, by the session's UID. */
  promised: ReadonlyMap<string, Claim>
  conditions: Conditions
  now: Date
}

export interface Plan {
  /** By the session's UID. `candidates` is empty for who has to wait; else its first is taken, the rest is still free. */
  rankings: Map<string, Ranking>
  /** In the order in which they are served. */
  order: Asking[]
  stock: Stock
  /** Seconds until something runs out that the plan counts on; infinite when nothing does. */
  validSeconds: number
}

export function plan({ askings, claims, promised, conditions, now }: Standing): Plan {
  const order = [...askings].toSorted(inTurn)
  const waiting = order.filter(({ uid }) => !promised.has(uid))
  const givenUp = new Set(waiting.flatMap(({ machineUid }) => machineUid ?? []))
  const standing = [...claims].flatMap(([uid, claim]) => (givenUp.has(uid) ? [] : [claim]))
  const stock = new Stock(conditions, [...standing, ...promised.values()])
  const walk: Walk = { stock, conditions, claims, now, ranked: new Map() }
  const rankings = new Map(waiting.map(asking => [asking.uid, serve(asking, walk)]))
  return { rankings, order, stock, validSeconds: soonest(rankings.values()) }
}

/** One more, younger than all: what the others get does not change. */
export function extend({ rankings, order, stock, validSeconds }: Plan, asking: Asking, standing: Standing): Plan {
  const { conditions, claims, now } = standing
  const ranking = serve(asking, { stock, conditions, claims, now, ranked: new Map() })
  rankings.set(asking.uid, ranking)
  order.push(asking)
  return { rankings, order, stock, validSeconds: Math.min(validSeconds, soonest([ranking])) }
}

/** Below zero when `one` comes first. */
export function inTurn(one: Asking, other: Asking): number {
  return (
    Number(other.why === 'Rescue') - Number(one.why === 'Rescue') ||
    compare(one.createdAt, other.createdAt) ||
    compare(one.uid, other.uid)
  )
}

/** What it takes once it is placed there. */
export function claimOf({ namespace, wish }: Pick<Asking, 'namespace' | 'wish'>, place: Place): Claim {
  return {
    namespace,
    place: placeIn(place),
    os: wish.billedOs,
    takesQuota: true,
    isToRun: true,
    isOnTheWay: true,
    isRescuable: wish.preference !== 'SpotOnly',
  }
}

interface Walk {
  stock: Stock
  conditions: Conditions
  claims: ReadonlyMap<string, Claim>
  now: Date
  /** Equal wishes are ranked once. */
  ranked: Map<string, Ranking>
}

function serve(asking: Asking, walk: Walk): Ranking {
  switch (asking.why) {
    case 'Resume':
      return serveResume(asking, walk)
    case 'Rescue':
      return serveRescue(asking, walk)
    case 'New':
      return serveNew(asking, walk)
    default:
      return asking.why satisfies never
  }
}

function serveNew(asking: Asking, walk: Walk): Ranking {
  const { stock } = walk
  const { candidates, ruledOut } = rankingFor(asking, walk)
  const judged = candidates.map(candidate => ({ candidate, against: stock.against(askedBy(asking, candidate)) }))
  const free = judged.flatMap(({ candidate, against }) => (against === undefined ? [candidate] : []))
  const [best] = free
  if (best !== undefined) stock.take(claimOf(asking, best))
  else wait(asking, { walk, against: judged.flatMap(({ against }) => against ?? []) })

  const barred = judged.flatMap(({ candidate, against }) => (against ? [ruled(candidate, against)] : []))
  return { candidates: free, ruledOut: [...barred, ...ruledOut] }
}

/**
 * Whoever is cut off takes what there is, and what no list shows: only Azure itself may refuse it. Another region comes
 * last, since its disk has to be copied there.
 */
function serveRescue(asking: Asking, walk: Walk): Ranking {
  const { stock } = walk
  const { candidates, ruledOut } = rankingFor(asking, walk)
  const isShort = (candidate: Candidate) =>
    Number(stock.againstQuota(askedBy(asking, candidate), 'Rescue') !== undefined)
  const isAway = ({ region }: Candidate) => Number(asking.at !== undefined && region !== asking.at.region)
  const likeliest = candidates.toSorted((one, other) => isAway(one) - isAway(other) || isShort(one) - isShort(other))
  const [best] = likeliest
  if (best !== undefined) stock.take(claimOf(asking, best))
  else keepClaim(asking, walk)
  return { candidates: likeliest, ruledOut }
}

/** Its machine holds what it needs; only the limits can stand against it. */
function serveResume(asking: Asking, walk: Walk): Ranking {
  const { stock, conditions } = walk
  const { at, wish } = asking
  if (at === undefined) return { candidates: [], ruledOut: [] }
  const against = stock.againstLimits(askedBy(asking, at))
  if (against) {
    wait(asking, { walk, against: [against] })
    return { candidates: [], ruledOut: [ruled(at, against)] }
  }
  stock.take({ ...claimOf(asking, at), isOnTheWay: false })
  const hourlyPriceUsd = conditions.market.priceOf(at, wish.billedOs)
  return { candidates: [{ ...at, hourlyPriceUsd, expectedPriceUsd: hourlyPriceUsd }], ruledOut: [] }
}

/** The place where its machine was refused is not among those to go to, nor is a zone that its disks keep it out of. */
function rankingFor({ wish, wishKey, at, why, machineUid }: Asking, { conditions, ranked }: Walk): Ranking {
  const ranking = ranked.get(wishKey) ?? rank(wish, conditions.market)
  ranked.set(wishKey, ranking)
  if (at === undefined || why === 'Resume') return ranking
  const isOpen = (place: Place) =>
    !isSamePlace(place, at) && !(machineUid !== undefined && conditions.isUnfit(machineUid, place))
  return { candidates: ranking.candidates.filter(isOpen), ruledOut: ranking.ruledOut }
}

/** Of a candidate, what is a place. */
function placeIn({ region, zone, size, priority }: Place): Place {
  return { region, zone, size, priority }
}

function wait(asking: Asking, { walk, against }: { walk: Walk; against: readonly Against[] }): void {
  keepClaim(asking, walk)
  const waitedSeconds = (walk.now.getTime() - new Date(asking.createdAt).getTime()) / 1000
  if (waitedSeconds < OVERTAKEN_SECONDS) return
  for (const { pool } of against) if (pool !== undefined) walk.stock.save(pool)
}

/** Who is not placed elsewhere stays where it is, and asks again there. */
function keepClaim({ machineUid }: Asking, { claims, stock }: Walk): void {
  const claim = machineUid === undefined ? undefined : claims.get(machineUid)
  if (claim) stock.take(claim)
}

function askedBy({ namespace, wish }: Asking, place: Place) {
  return { place, namespace, os: wish.billedOs }
}

function ruled(place: Place, { reason, message, leftSeconds }: Against): RuledOut {
  return { ...placeIn(place), reason, message, leftSeconds }
}

function soonest(rankings: Iterable<Ranking>): number {
  let seconds = Number.POSITIVE_INFINITY
  for (const { ruledOut } of rankings) {
    for (const { leftSeconds } of ruledOut) if (leftSeconds !== undefined) seconds = Math.min(seconds, leftSeconds)
  }
  return seconds
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
