// Gathers everything that a pass needs, once. Stores answer for what stands; the server is asked live only where a
// stale answer would be an error: whether the machine of an ending session is really gone.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { keyOf, type OwnerReference, referenceOf } from '../../lib/kube/resource.ts'
import type { Store } from '../../lib/kube/store.ts'
import type { Clock } from '../../lib/process/clock.ts'
import { AzureError } from '../azure/errors.ts'
import type { Asking } from '../capacity/plan.ts'
import { type Market, type Ranking, rank } from '../capacity/rank.ts'
import { type Admission, admission } from './admission.ts'
import { askingOf } from './asking.ts'
import { billingNow } from './billing.ts'
import {
  type Explanation,
  type GameSessionSettings,
  isEnding,
  isToRun,
  type Observed,
  PLAYER_LABEL,
  type Rival,
  SESSION_LABEL,
  SESSION_UID_ANNOTATION,
  type Seen,
} from './decision.ts'
import { isMovedFrom, isPlayable, placeOf, refusalOf } from './machine.ts'
import { machineName } from './placement.ts'
import { type Stopwatch, stopwatch } from './stopwatch.ts'
import { billedOs, wishOf } from './wish.ts'

/** So long an interval that should be closed waits for the stream to be heard; three probes and more. */
const CONFIRM_SECONDS = 60

export const PLAYER_INDEX = 'player'
const OWNER_INDEX = 'owner'
export const OWNER_NAME_INDEX = 'owner-name'
/** What the sessions' reflector must be indexed by. */
export const sessionIndexes = { [PLAYER_INDEX]: ({ spec }: GameSession) => [spec.player] }
/** What the machines' reflector must be indexed by. */
export const machineIndexes = {
  [OWNER_INDEX]: (machine: GpuVm) => [ownerUid(machine) ?? []].flat(),
  [OWNER_NAME_INDEX]: (machine: GpuVm) => {
    const owner = ownerOf(machine)
    return owner === undefined ? [] : [keyOf({ ...referenceOf(machine), name: owner.name })]
  },
}

export type SessionIndex = keyof typeof sessionIndexes
export type MachineIndex = keyof typeof machineIndexes

/** A GpuVm that is still to be made. */
export interface Heir {
  namespace: string
  name: string
  player: string
  region: string
  subscriptionId: string
}

/** What a sight is taken with. */
export interface Senses {
  client: KubeClient
  clock: Clock
  sessions: Store<GameSession, SessionIndex>
  machines: Store<GpuVm, MachineIndex>
  catalogue: () => Catalogue
  market: Market
  /** What it may have now; the first of it is promised. */
  ask: (asking: Asking) => Ranking
  /** It keeps no place from others any more. */
  leave: (sessionUid: string) => void
  /** Whether Azure holds what a GpuVm of this name and player had. Throws `AzureError` when it cannot be asked now. */
  isHeld: (heir: Heir, signal: AbortSignal) => Promise<boolean>
  /** Whether this process has itself heard the stream of the GpuVm of this UID. */
  isHeard: (machineUid: string) => boolean
  settings: GameSessionSettings
  watch: Stopwatch
  admission: Admission
}

export function senses(given: Omit<Senses, 'watch' | 'admission'>): Senses {
  return { ...given, watch: stopwatch(given.clock), admission: admission(given.clock) }
}

export async function see(session: GameSession, senses: Senses, signal: AbortSignal): Promise<Seen> {
  const uid = session.metadata.uid ?? ''
  const since = session.status?.billing?.since
  const now = senses.watch.now(uid, since)
  const catalogue = senses.catalogue()

  const machines = machinesOf(session, senses.machines)
  const [machine] = machines
  const rivals = rivalsOf(session, senses)
  const takenNames = takenNamesOf(session, senses.machines)
  const taken = takenRegions(session, senses.machines)
  const asking = askingOf(session, { machine, rivals, takenRegions: taken, catalogue })
  const notAdmitted = senses.admission.refusalOf(uid)
  if (notAdmitted) senses.leave(uid)
  const given = notAdmitted ? undefined : asking && senses.ask(asking)
  const isPlayConfirmed =
    since === undefined ||
    !isPlayable(machine) ||
    senses.isHeard(machine?.metadata.uid ?? '') ||
    senses.watch.watchedSeconds(uid) >= CONFIRM_SECONDS
  const observed: Observed = {
    machines,
    inherited: inheritedBy(session, senses.machines),
    heldIn: machines.length === 0 ? await heldIn(session, { ...senses, catalogue, signal }) : undefined,
    isMachineGone: machines.length === 0 && (await isMachineGone(session, senses, signal)),
    isPlayConfirmed,
    rivals,
    notAdmitted,
    takenNames,
    ranking: asking?.why === 'Resume' ? undefined : (given ?? rankingOf(session, { machine, catalogue, senses })),
    againstStart: asking?.why === 'Resume' && given ? againstStart(given) : undefined,
    hourlyPriceUsd: machine && senses.market.priceOf(reallyAt(machine), billedOs(catalogue, machine.spec.image)),
  }
  const billing = billingNow({ session, machine, isPlayConfirmed, now, settings: senses.settings })
  return { session, observed, billing, now, settings: senses.settings, catalogue }
}

/** One to which the session moves first, then the one on record, then those that are not on their way out, then the oldest. */
export function machinesOf(session: GameSession, machines: Pick<Store<GpuVm, MachineIndex>, 'byIndex'>): GpuVm[] {
  const all = machines.byIndex(OWNER_INDEX, session.metadata.uid ?? '')
  const rankOf = (machine: GpuVm) => {
    const { uid, deletionTimestamp } = machine.metadata
    const isLeaving = deletionTimestamp !== undefined
    if (all.some(other => isMovedFrom(other, machine))) return isLeaving ? 4 : -1
    return (uid === session.status?.vm?.uid ? 0 : 2) + (isLeaving ? 1 : 0)
  }
  return all.toSorted(
    (one, other) =>
      rankOf(one) - rankOf(other) ||
      (one.metadata.creationTimestamp ?? '').localeCompare(other.metadata.creationTimestamp ?? ''),
  )
}

function inheritedBy(session: GameSession, machines: Pick<Store<GpuVm, MachineIndex>, 'byIndex'>): GpuVm[] {
  return machines
    .byIndex(OWNER_NAME_INDEX, keyOf(referenceOf(session)))
    .filter(machine => ownerUid(machine) !== session.metadata.uid && machine.metadata.deletionTimestamp === undefined)
    .filter(({ metadata }) => metadata.labels?.[PLAYER_LABEL] === session.spec.player)
}

/** With one region alone, the GpuVm made there finds what it had by itself. */
async function heldIn(
  session: GameSession,
  { isHeld, catalogue, signal }: Pick<Senses, 'isHeld'> & { catalogue: Catalogue; signal: AbortSignal },
): Promise<Observed['heldIn']> {
  const { metadata, spec } = session
  const { namespace = '' } = metadata
  if (!isToRun(session) || spec.regions.length < 2) return undefined
  try {
    for (const region of spec.regions) {
      const subscriptionId = catalogue.regions[region]?.subscriptionId
      if (subscriptionId === undefined) continue
      const heir = { namespace, name: machineName(session, region), player: spec.player, region, subscriptionId }
      if (await isHeld(heir, signal)) return region
    }
  } catch (error) {
    if (error instanceof AzureError) return 'Unknown'
    throw error
  }
  return undefined
}

/** Asks once, when all else says so; afterwards the record says it. */
async function isMachineGone(session: GameSession, { client }: Senses, signal: AbortSignal): Promise<boolean> {
  const { metadata, status } = session
  if (status?.endedAt !== undefined) return true
  if (!isEnding(session) || status?.billing?.final !== true) return false
  const standing = await ownMachines(session, client, signal)
  if (standing.length > 0) return false
  if (status.vm === undefined) return true
  const named = await client.get(gpuVms, { namespace: metadata.namespace, name: status.vm.name }, { signal })
  return named === undefined || ownerUid(named) !== metadata.uid
}

/** The session's machines as the server has them at this moment. */
export async function ownMachines(
  { metadata }: GameSession,
  client: KubeClient,
  signal: AbortSignal,
): Promise<GpuVm[]> {
  const labelSelector = `${SESSION_LABEL}=${metadata.name}`
  const { items } = await client.list(gpuVms, { namespace: metadata.namespace, labelSelector, signal })
  return items.filter(machine => ownerUid(machine) === metadata.uid)
}

export function rivalsOf(session: GameSession, { sessions, machines }: Pick<Senses, 'sessions' | 'machines'>): Rival[] {
  return sessions
    .byIndex(PLAYER_INDEX, session.spec.player)
    .filter(({ metadata }) => metadata.uid !== session.metadata.uid)
    .map(rival => ({
      session: rival,
      holdsMachine: machines
        .byIndex(OWNER_INDEX, rival.metadata.uid ?? '')
        .some(({ spec }) => spec.powerState === 'Running'),
    }))
}

function takenNamesOf(session: GameSession, machines: Store<GpuVm>): string[] {
  return takenRegions(session, machines).map(region => machineName(session, region))
}

/** Where a GpuVm of somebody else bears the name that the session's would have. */
export function takenRegions(session: GameSession, machines: Pick<Store<GpuVm>, 'get'>): string[] {
  const { namespace, uid } = session.metadata
  return session.spec.regions.filter(region => {
    const standing = machines.get({ namespace, name: machineName(session, region) })
    return standing !== undefined && ownerUid(standing) !== uid
  })
}

function againstStart({ ruledOut }: Ranking): Explanation | undefined {
  const [first] = ruledOut
  return first && { reason: first.reason, message: `${first.message} The session waits, uncharged.` }
}

/** For whoever is not in the queue: what it could ask for. Made only where a place has to be found. */
function rankingOf(
  session: GameSession,
  { machine, catalogue, senses }: { machine: GpuVm | undefined; catalogue: Catalogue; senses: Senses },
): Observed['ranking'] {
  if (!isToRun(session) || (machine && !refusalOf(machine))) return undefined
  const { wish } = wishOf(session, catalogue)
  return wish && rank(wish, senses.market)
}

/** What it runs on, or is meant to run on while it does not. */
function reallyAt(machine: GpuVm) {
  const { size, priority } = machine.status ?? {}
  const place = placeOf(machine)
  return { ...place, size: size ?? place.size, priority: priority ?? place.priority }
}

/** The session that controls it, or did before somebody's cascade took the reference off. */
export function ownerUid(machine: Pick<GpuVm, 'metadata'>): string | undefined {
  return ownerOf(machine)?.uid ?? machine.metadata.annotations?.[SESSION_UID_ANNOTATION]
}

function ownerOf({ metadata }: Pick<GpuVm, 'metadata'>): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller, kind }) => controller === true && kind === 'GameSession')
}
