// What a session asks of capacity, and what a machine takes of it: from objects to the queue's words.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { hasFinalizer } from '../../lib/kube/finalizers.ts'
import type { Asking } from '../capacity/plan.ts'
import type { Wish } from '../capacity/rank.ts'
import type { Claim } from '../capacity/stock.ts'
import { isSuspended } from '../held.ts'
import { turnOf } from './contention.ts'
import { FINALIZER, isToRun, type Rival, wasPlayed } from './decision.ts'
import { faultOf, isHeld, mayStandIn, placeOf, refusalOf } from './machine.ts'
import { billedOs, wishOf } from './wish.ts'

/** `undefined` for whoever wants nothing now, or must not have it: paused, suspended, ending, faulty, not its turn. */
export function askingOf(
  session: GameSession,
  seen: { machine: GpuVm | undefined; rivals: readonly Rival[]; takenRegions: readonly string[]; catalogue: Catalogue },
): Asking | undefined {
  const { machine, rivals, takenRegions, catalogue } = seen
  const { metadata } = session
  if (!isToRun(session) || !hasFinalizer(session, FINALIZER)) return undefined
  if (isSuspended(session)) return undefined
  const why = reasonToAsk(session, machine)
  if (why === undefined || turnOf({ session, observed: { rivals }, catalogue })) return undefined
  const { wish } = wishOf(session, catalogue)
  if (wish === undefined) return undefined

  const free = wish.regions.filter(region => !takenRegions.includes(region))
  // Where its disk is comes first, whether the session still names that region or not.
  const regions = machine && wasPlayed(session) ? [...new Set([machine.spec.region, ...free])] : free
  if (regions.length === 0) return undefined // Its machine's names are all another's.
  const narrowed = { ...wish, regions, zones: zonesFor(session, machine, wish) }
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    createdAt: metadata.creationTimestamp ?? '',
    why,
    wish: narrowed,
    wishKey: JSON.stringify(narrowed),
    ...(machine && { machineUid: machine.metadata.uid ?? '', at: placeOf(machine) }),
  }
}

/** In its own region what was played on goes where its disks can; elsewhere its disk is a copy, made for any zone. */
function zonesFor(session: GameSession, machine: GpuVm | undefined, { zones = {} }: Wish): NonNullable<Wish['zones']> {
  if (machine === undefined || !wasPlayed(session)) return zones
  const { region, zone } = machine.spec
  const { [region]: here = zone && [zone], ...elsewhere } = zones
  return zone === undefined || here === undefined
    ? elsewhere
    : { ...elsewhere, [region]: here.filter(one => mayStandIn(one, machine)) }
}

function reasonToAsk(session: GameSession, machine: GpuVm | undefined): Asking['why'] | undefined {
  const otherwise = wasPlayed(session) ? 'Rescue' : 'New'
  if (machine === undefined) return otherwise
  if (machine.metadata.deletionTimestamp !== undefined) return undefined
  if (machine.spec.powerState === 'Deallocated') return 'Resume'
  return refusalOf(machine) ? otherwise : undefined
}

/** A machine without a session takes its part too: it waits for nobody, and others count it. */
export function claimOfMachine(machine: GpuVm, catalogue: Catalogue): Claim {
  const { metadata, spec, status } = machine
  const isToRun = spec.powerState === 'Running' && metadata.deletionTimestamp === undefined
  return {
    namespace: metadata.namespace ?? '',
    place: placeOf(machine),
    os: billedOs(catalogue, spec.image),
    takesQuota: isToRun || isHeld(machine),
    isToRun,
    isOnTheWay: isToRun && status?.vmId === undefined && !refusalOf(machine) && !faultOf(machine),
    isRescuable: spec.onEviction === 'Regular',
  }
}
