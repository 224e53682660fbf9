// What Azure has to offer, put together: prices, quotas, evictions, refusals, their history, and the queue that gives
// from it. Whoever builds an operator hands in what reaches outside.
import type { Catalogue } from '../crds/catalogue.ts'
import type { GameSession } from '../crds/types/gamesession.ts'
import type { GpuVm } from '../crds/types/gpuvm.ts'
import type { Reflector } from '../lib/kube/reflector.ts'
import { type ObjectReference, referenceOf } from '../lib/kube/resource.ts'
import type { Runnable, Runtime } from '../lib/kube/runtime.ts'
import type { Azure } from './azure/provider.ts'
import { type Admission, admission, type Queue } from './capacity/admission.ts'
import { demandOf } from './capacity/demand.ts'
import { experience } from './capacity/experience.ts'
import type { ConfiguredLimits } from './capacity/limits.ts'
import type { Market as SeenMarket } from './capacity/offerings.ts'
import type { Price } from './capacity/price-list.ts'
import { prices } from './capacity/prices.ts'
import { publishedRates } from './capacity/published-rates.ts'
import { quotaWatch } from './capacity/quotas.ts'
import type { Market } from './capacity/rank.ts'
import type { Place, Refusals } from './capacity/refusals.ts'
import type { ReserveSettings } from './capacity/reserve.ts'
import { median } from './capacity/starts.ts'
import type { Conditions } from './capacity/stock.ts'
import { isHeld, placeOf } from './gamesession/machine.ts'
import type { MachineIndex, SessionIndex } from './gamesession/observe.ts'
import { queueFeed } from './gamesession/queue-feed.ts'
import { billedOs } from './gamesession/wish.ts'
import { type History, type HistoryStore, history, noHistory, type Recalled } from './history/history.ts'
import { isRunning, notesOf, ranAt } from './history/notes.ts'

export interface CapacitySettings {
  limits: ConfiguredLimits
  rescueReserve: ReserveSettings
  /** Seconds between looks at a region's quotas. */
  quotaSeconds: number
  /** Seconds after which a quota's list is not believed any more; 900 where not given. */
  quotaStaleSeconds?: number
  /** Seconds between looks at the prices; 3600 where not given. */
  priceSeconds?: number
}

export interface CapacityOutside {
  runtime: Runtime
  catalogue: () => Catalogue
  sessions: Pick<Reflector<GameSession, SessionIndex>, 'store' | 'onChange'>
  machines: Pick<Reflector<GpuVm, MachineIndex>, 'store' | 'onChange'>
  settings: CapacitySettings
  azure: Pick<Azure, 'usages' | 'spotRates'>
  priceList: (place: { region: string; size: string }, signal: AbortSignal) => Promise<Price[]>
  /** Without one, no history is kept. */
  store: HistoryStore | undefined
  /** Who only stands by writes no history. */
  isLeading: () => boolean
  nudge: (session: ObjectReference) => void
}

export interface Capacity {
  /** To be run from the start on, leading or not: a standby knows what the leader knows. */
  services: Runnable[]
  market: Market
  ask: Admission['ask']
  leave: Admission['leave']
  refusals: Pick<Refusals, 'remember'>
  /** From then on it knows what an earlier process knew, or will not know it: nobody is to be placed before. */
  recalled: Promise<void>
  history: Pick<History, 'keep' | 'decisionsOf'>
  /** After a change of the catalogue. */
  refresh(): void
  /** For those who want to see: what is known, and the queue. */
  see: { market: () => SeenMarket; queue: () => Queue; startSeconds: () => number | undefined }
}

export function capacitySide(outside: CapacityOutside): Capacity {
  const { runtime, catalogue, sessions, machines, settings, azure, isLeading, nudge } = outside
  const { clock, log } = runtime
  const learned = experience({ clock })
  const { refusals, rates, resting, answers } = learned
  const onRecalled = (recalled: Recalled) => {
    rates.recall(recalled.rates)
    learned.recall(recalled.answers)
    changed()
  }
  const kept = outside.store ? history({ clock, log, store: outside.store, onRecalled }) : noHistory

  const changed = () => queue.changed()
  const priceList = prices({
    clock,
    log,
    catalogue,
    ...(settings.priceSeconds !== undefined && { refreshSeconds: settings.priceSeconds }),
    fetch: outside.priceList,
    onChange() {
      changed()
      // A session that was placed before any price was known is told it now.
      for (const session of sessions.store.list()) {
        if (session.status?.placement?.hourlyPriceUsd === undefined) nudge(referenceOf(session))
      }
    },
  })
  const market: Market = {
    priceOf: priceList.priceOf,
    rulingOn: refusals.ruling,
    evictionsPerHour: place => rates.of(place).evictionsPerHour,
  }
  const quotas = quotaWatch({
    clock,
    log,
    refreshSeconds: settings.quotaSeconds,
    ...(settings.quotaStaleSeconds !== undefined && { staleSeconds: settings.quotaStaleSeconds }),
    regions: () =>
      Object.entries(catalogue().regions).map(([region, { subscriptionId }]) => ({ region, subscriptionId })),
    read: ({ region, subscriptionId }, signal) => azure.usages(subscriptionId, region, signal),
    made: region => madeIn(region, machines.store.list(), catalogue()),
    onChange: changed,
  })
  const conditions = (): Conditions => ({
    catalogue: catalogue(),
    market,
    quotasOf: quotas.of,
    doubtsOf: refusals.doubts,
    restOf: resting.of,
    isUnfit: refusals.isUnfit,
    limits: settings.limits,
    reserve: settings.rescueReserve,
  })
  const queue = admission({ clock, conditions, onServed: nudge })
  const feed = queueFeed({ sessions, machines, catalogue, admission: queue })
  const published = publishedRates({
    clock,
    log,
    catalogue,
    read: (asked, signal) => azure.spotRates(asked, signal),
    rates,
    onChange: changed,
  })

  machines.onChange(change => {
    const { object, initial } = change
    const place = ranAt(object)
    if (initial && isRunning(object) && place.priority === 'Spot') rates.began(object.metadata.uid ?? '', place)
    const priceOf = (place: Place, image: string) => priceList.priceOf(place, billedOs(catalogue(), image))
    for (const note of notesOf(change, clock.now(), priceOf)) {
      if (isLeading()) kept.note(note)
      if (learned.heed(note)) changed() // By whoever leads, and by whoever stands by.
    }
  })

  return {
    services: [priceList, quotas, published, queue, kept],
    market,
    ask: queue.ask,
    leave: queue.leave,
    refusals,
    recalled: kept.recalled,
    history: kept,
    refresh: feed.refresh,
    see: {
      queue: queue.look,
      startSeconds: () => startSeconds(sessions.store.list(), machines.store.list()),
      market: () => ({
        conditions: conditions(),
        stock: queue.look().stock,
        evidence: rates.of,
        onDemand: answers.of,
        quotaAgeSeconds: quotas.ageSeconds,
      }),
    },
  }
}

/** From the making of a machine to the first play on it, over the sessions that stand: the middle one. */
function startSeconds(sessions: readonly GameSession[], machines: readonly GpuVm[]): number | undefined {
  const madeAt = new Map(machines.map(({ metadata }) => [referenceKey(metadata), metadata.creationTimestamp]))
  const took = sessions.flatMap(({ metadata, status }) => {
    const made = madeAt.get(`${metadata.namespace}/${status?.vm?.name}`)
    if (made === undefined || status?.readyAt === undefined) return []
    const seconds = (Date.parse(status.readyAt) - Date.parse(made)) / 1000
    return seconds >= 0 ? [seconds] : [] // Below zero it was made for a session that had been played already.
  })
  return median(took)
}

function referenceKey({ namespace, name }: GpuVm['metadata']): string {
  return `${namespace}/${name}`
}

/** What Azure counts already of our own in a region, by quota. */
function madeIn(region: string, machines: readonly GpuVm[], catalogue: Catalogue): Map<string, number> {
  const sums = new Map<string, number>()
  for (const machine of machines) {
    if (machine.spec.region !== region || !isHeld(machine)) continue
    for (const { quota, amount } of demandOf(placeOf(machine), catalogue)) {
      sums.set(quota, (sums.get(quota) ?? 0) + amount)
    }
  }
  return sums
}
