// The queue as it stands in this process: who asks, what is claimed and promised, and the plan made of it. Nothing of
// it is written down: after a restart it is read again from the objects, in the same order.
//
// A plan is made only when somebody asks and something has changed. What is promised to a session stays promised until
// its machine is seen, or until it asks again; so no two are given the same. When something changes, those are told
// that waited and are served now, and nobody else.
import { isDeepStrictEqual } from 'node:util'
import type { Runnable, StopSignals } from '../../lib/kube/runtime.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { type Asking, claimOf, extend, inTurn, type Plan, plan, type Standing } from './plan.ts'
import type { Ranking } from './rank.ts'
import { isSamePlace } from './refusals.ts'
import type { Claim, Conditions, Stock } from './stock.ts'

/** Changes that come together are answered together. */
const SETTLE_SECONDS = 0.05
/** A plan is made anew after so long, though nothing was seen to change. */
const VALID_SECONDS = 30
const DEPARTURE_SECONDS = 3600
/** Departures that are remembered, for the expected wait. */
const MAXIMUM_DEPARTURES = 200

export interface Admission extends Runnable {
  /** A session's own question: what it may have now. The first of it is promised to the session. */
  ask(asking: Asking): Ranking
  /** It stands in the queue, whether or not it asks at this moment. */
  join(asking: Asking): void
  /** It wants none any more. */
  leave(uid: string): void
  /** A session's machine is there. */
  place(uid: string, machine: { uid: string; claim: Claim }): void
  /** What a machine takes, now. */
  claim(machineUid: string, claim: Claim): void
  release(machineUid: string): void
  /** Something beside sessions and machines has changed: quota, prices, the catalogue, what was refused. */
  changed(): void
  look(): Queue
}

/** For whoever wants to see, not to have. */
export interface Queue {
  /** Those that have to wait, in their order, each with what is against it. */
  waiting: { asking: Asking; ranking: Ranking }[]
  stock: Stock
  /** Seconds since each session that had waited was served, within the last hour; the oldest first. */
  departures: number[]
}

export function admission(options: {
  clock: Clock
  conditions: () => Conditions
  /** It waited, and there is something for it now. */
  onServed: (session: { namespace: string; name: string }) => void
}): Admission {
  const { clock, onServed } = options
  const askings = new Map<string, Asking>()
  const claims = new Map<string, Claim>()
  const promised = new Map<string, Claim>()
  /** Those that asked in vain; `true` once they were told that there is something. */
  const waited = new Map<string, boolean>()
  let departures: number[] = []
  let current: { plan: Plan; until: number } | undefined
  let waking = new AbortController()

  const standing = (): Standing => ({
    askings: askings.values(),
    claims,
    promised,
    conditions: options.conditions(),
    now: clock.now(),
  })

  function changed(): void {
    current = undefined
    waking.abort()
  }

  function planned(): Plan {
    if (current !== undefined && current.until > clock.monotonic()) return current.plan
    return keep(plan(standing()))
  }

  function keep(made: Plan): Plan {
    current = { plan: made, until: clock.monotonic() + Math.min(made.validSeconds, VALID_SECONDS) * 1000 }
    return made
  }

  function join(asking: Asking): void {
    const known = askings.get(asking.uid)
    if (known !== undefined && isDeepStrictEqual(known, asking)) return
    askings.set(asking.uid, asking)
    const last = current?.plan.order.at(-1)
    const isLast = last === undefined || inTurn(last, asking) < 0
    // The usual newcomer changes nothing for those before it.
    if (current !== undefined && known === undefined && isLast) keep(extend(current.plan, asking, standing()))
    else changed()
  }

  /** What the present plan gives it already, where that is what was promised. */
  function promiseKept(uid: string): Ranking | undefined {
    const claim = promised.get(uid)
    const ranking = current && current.until > clock.monotonic() ? current.plan.rankings.get(uid) : undefined
    const [best] = ranking?.candidates ?? []
    return claim !== undefined && best !== undefined && isSamePlace(claim.place, best) ? ranking : undefined
  }

  function tell(): void {
    if (waited.size === 0) return
    const { rankings } = planned()
    for (const [uid, isTold] of waited) {
      const asking = askings.get(uid)
      const isServed = (rankings.get(uid)?.candidates.length ?? 0) > 0
      if (asking !== undefined && isServed && !isTold) onServed(asking)
      waited.set(uid, isServed)
    }
  }

  return {
    name: 'admission',
    join,
    changed,
    ask(asking) {
      join(asking)
      const kept = promiseKept(asking.uid)
      if (kept) return kept
      if (promised.delete(asking.uid)) changed()
      const ranking = planned().rankings.get(asking.uid) ?? { candidates: [], ruledOut: [] }
      const [best] = ranking.candidates
      if (best === undefined) waited.set(asking.uid, false)
      else promised.set(asking.uid, claimOf(asking, best))
      return ranking
    },
    leave(uid) {
      const wasThere = askings.delete(uid)
      waited.delete(uid)
      if (promised.delete(uid) || wasThere) changed()
    },
    place(uid, machine) {
      const claim = promised.get(uid)
      if (waited.delete(uid)) departures = [...departures.slice(1 - MAXIMUM_DEPARTURES), clock.monotonic()]
      claims.set(machine.uid, machine.claim)
      const wasThere = askings.delete(uid)
      promised.delete(uid)
      // As it was promised, it is in the plan already.
      if (!wasThere || claim === undefined || !isSamePlace(claim.place, machine.claim.place)) changed()
    },
    claim(machineUid, claim) {
      const known = claims.get(machineUid)
      if (known !== undefined && isDeepStrictEqual(known, claim)) return
      claims.set(machineUid, claim)
      changed()
    },
    release(machineUid) {
      if (claims.delete(machineUid)) changed()
    },
    look() {
      const { rankings, order, stock } = planned()
      const now = clock.monotonic()
      const waiting = order.flatMap(asking => {
        const ranking = rankings.get(asking.uid)
        return ranking !== undefined && ranking.candidates.length === 0 ? [{ asking, ranking }] : []
      })
      const ages = departures.map(at => (now - at) / 1000).filter(seconds => seconds < DEPARTURE_SECONDS)
      return { waiting, stock, departures: ages }
    },
    async run({ stop }: StopSignals) {
      while (!stop.aborted) {
        const leftSeconds = current === undefined ? 0 : (current.until - clock.monotonic()) / 1000
        const seconds = waited.size === 0 ? VALID_SECONDS : Math.max(0, leftSeconds)
        await clock.sleep(seconds * 1000, AbortSignal.any([stop, waking.signal])).catch(() => undefined)
        await clock.sleep(SETTLE_SECONDS * 1000, stop).catch(() => undefined)
        waking = new AbortController()
        if (!stop.aborted) tell()
      }
    },
  }
}
