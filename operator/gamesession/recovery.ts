// Finds another place for a machine that Azure refuses where it is, and tells of one that only a person can mend. The
// way from spot onto on-demand in the same place is the machine's own business (its `onEviction`).
//
// Never played: the next best place in any region that the session names; in the same region the machine is changed
// in place, for another it is given up. Played: a size of the same driver runs from the player's disk, in any zone
// if that is zone-redundant; with none to be had in that region the session moves to another one that it names: a
// second machine there, whose disk is made a copy of this one's. The first is kept, stopped, until the second can be
// played (surplus.ts). With nothing anywhere it waits.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { type Candidate, describePlace, type Ranking, type RuledOut } from '../capacity/rank.ts'
import { isSamePlace, isSameZone, type Place } from '../capacity/refusals.ts'
import {
  type Explanation,
  isToRun,
  machineOf,
  type Phase,
  type Seen,
  type Step,
  type Verdict,
  wasPlayed,
} from './decision.ts'
import { faultOf, isPlayable, mayStandIn, placeOf, refusalOf, SOURCE_GONE, wasPlayedOn } from './machine.ts'
import { waitFor } from './placement.ts'
import { movedSpec } from './wish.ts'

type Refusal = NonNullable<ReturnType<typeof refusalOf>>

export const recovery: Phase = seen => {
  const machine = machineOf(seen)
  if (machine === undefined || !isToRun(seen.session) || isPlayable(machine)) return {}
  if (machine.metadata.deletionTimestamp !== undefined) {
    const message = 'Its GpuVm is being deleted, though not by the session; once it is gone the session gets another.'
    return { waiting: { reason: 'MachineDeleted', message } }
  }
  const refusal = refusalOf(machine)
  const fault = faultOf(machine)
  // What it was to be a copy of is lost, and with it the saves: it begins anew, as after any loss of a disk.
  if (fault?.reason === SOURCE_GONE && isUntriedCopy(machine)) return { step: { do: 'DeleteMachine', machine } }
  if (fault && isUnwanted(seen, machine)) return { step: { do: 'DeleteMachine', machine } }
  if (refusal) return nextPlace(seen, { machine, refusal, fault })
  if (fault) return { stalled: fault }
  return isUntriedCopy(machine) && machine.spec.powerState === 'Running' ? { waiting: underWay(machine) } : {}
}

/** In a region that the session does not name any more, and nothing of worth is on it. */
function isUnwanted({ session }: Seen, machine: GpuVm): boolean {
  return !wasPlayedOn(machine) && !session.spec.regions.includes(machine.spec.region)
}

interface Refused {
  machine: GpuVm
  refusal: Refusal
  fault: Explanation | undefined
}

function nextPlace(seen: Seen, about: Refused): Verdict {
  const { machine, refusal, fault } = about
  const { session, observed } = seen
  if (observed.ranking === undefined)
    return fault ? { stalled: fault } : { waiting: { reason: 'NoCapacity', message: refusal.message } }
  const refused = placeOf(machine)
  const ranking = withoutRefused(observed.ranking, { refused, refusal })
  const hasDisk = machine.status?.resources?.osDisk !== undefined
  const isBound = wasPlayedOn(machine) || isUntriedCopy(machine) || (wasPlayed(session) && hasDisk)

  const candidate = isBound ? onSameDisk(ranking.candidates, machine) : ranking.candidates[0]
  if (candidate?.region === refused.region && isReachable(candidate, machine)) {
    const message = `${describePlace(refused)} was refused (${refusal.reason}); ${describePlace(candidate)} is tried.`
    const priority = candidate.priority === refused.priority ? {} : { priority: candidate.priority }
    const zone = candidate.zone === refused.zone ? {} : { zone: candidate.zone }
    const because = { reason: 'AnotherPlace', message }
    return { step: { do: 'ChangeMachine', machine, spec: { size: candidate.size, ...zone, ...priority }, because } }
  }
  const away = candidate ?? elsewhere(seen, ranking.candidates, machine)
  if (away === undefined) return fault ? { stalled: fault } : waitWhere(seen, ranking.ruledOut)
  // Never played, nothing on it is lost; and a copy is given up for the disk that it was to be copied from.
  if (!isBound || isUntriedCopy(machine)) return { step: { do: 'DeleteMachine', machine } }
  return { step: moveTo(away, seen, { ...about, ranking }) }
}

function moveTo(candidate: Candidate, { session, catalogue }: Seen, about: Refused & { ranking: Ranking }): Step {
  const { machine, refusal, ranking } = about
  const { region } = machine.spec
  const message = `${region} has no machine for it (${refusal.reason}), and it may be played in ${candidate.region}. It moves there with its saves: the disk is copied, and the address changes.`
  const spec = movedSpec(session, { catalogue, ranking, candidate, from: machine })
  return { do: 'CreateMachine', candidate, spec, move: { from: machine, because: { reason: 'MovingRegion', message } } }
}

/** In another region that the session names, and where nothing of it stands. */
function elsewhere({ observed }: Seen, candidates: readonly Candidate[], machine: GpuVm): Candidate | undefined {
  if (isUntriedCopy(machine)) return candidates.find(({ region }) => region !== machine.spec.region)
  if (machine.status?.resources?.osDisk === undefined) return undefined // Not seen yet, and it cannot be named.
  const near = observed.machines.map(({ spec }) => spec.region)
  const away = candidates.filter(({ region }) => !near.includes(region))
  return away.find(({ priority }) => priority === 'Regular') ?? away[0]
}

function isUntriedCopy(machine: GpuVm): boolean {
  return machine.spec.disks.os.copyOf !== undefined && !wasPlayedOn(machine)
}

/** For the player: where it goes, and how far it is. */
function underWay(machine: GpuVm): Explanation {
  const ready = condition(machine.status?.conditions, 'Ready')
  const isTold = ready?.reason === 'CopyingDisk' || ready?.reason === 'OperationSlow'
  const progress = isTold ? ` ${ready.message}` : ''
  const message = `The session moves to ${machine.spec.region} with its saves; its address changes.${progress} Nothing is billed meanwhile.`
  return { reason: 'MovingRegion', message }
}

/** What the machine itself says was refused counts, whether or not this process remembers the refusal. */
function withoutRefused(
  { candidates, ruledOut }: Ranking,
  { refused, refusal }: { refused: Place; refusal: Refusal },
): Ranking {
  const same = (place: Place) => (refusal.rulesOut === 'Zone' ? isSameZone : isSamePlace)(place, refused)
  const message = `${describePlace(refused)} was refused by Azure lately (${refusal.reason}).`
  return {
    candidates: candidates.filter(place => !same(place)),
    ruledOut: [
      { ...refused, reason: 'RefusedLately', message, leftSeconds: undefined },
      ...ruledOut.filter(place => !same(place)),
    ],
  }
}

/** Nobody who was thrown out once is put on spot again in the middle of a game, but who can have nothing else. */
function onSameDisk(candidates: readonly Candidate[], machine: GpuVm): Candidate | undefined {
  const near = candidates.filter(({ region }) => region === machine.spec.region)
  const reachable = near.filter(candidate => isReachable(candidate, machine))
  return reachable.find(({ priority }) => priority === 'Regular') ?? reachable[0]
}

/** After an eviction the incarnation's priority rules over an unchanged spec: the spec's own cannot be asked for. */
function isReachable(candidate: Candidate, machine: GpuVm): boolean {
  if (!mayStandIn(candidate.zone, machine)) return false
  return candidate.priority === placeOf(machine).priority || candidate.priority !== machine.spec.priority
}

function waitWhere({ session }: Seen, ruledOut: readonly RuledOut[]): Verdict {
  const verdict = waitFor(ruledOut)
  if (!wasPlayed(session) || session.spec.regions.length > 1) return verdict
  const message = `${verdict.waiting.message} Its disk keeps it in this region; to move, it has to name another one in spec.regions.`
  return { ...verdict, waiting: { ...verdict.waiting, message } }
}
