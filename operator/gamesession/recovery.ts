// Finds another place for a machine that Azure refuses where it is, and tells of one that only a person can mend. The
// way from spot onto on-demand in the same place is the machine's own business (its `onEviction`).
//
// Never played: the next best place in any region that the session names; in the same region the machine is changed
// in place, for another it is given up. Played: the player's disk binds it to the region, and a size of the same
// driver runs from it, in any zone if the disk is zone-redundant; with none to be had it waits there.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { type Candidate, describePlace, type Ranking, type RuledOut } from '../capacity/rank.ts'
import { isSamePlace, isSameZone, type Place } from '../capacity/refusals.ts'
import { type Explanation, isToRun, machineOf, type Phase, type Seen, type Verdict, wasPlayed } from './decision.ts'
import { faultOf, isPlayable, mayStandIn, placeOf, refusalOf } from './machine.ts'
import { waitFor } from './placement.ts'

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
  if (refusal) return nextPlace(seen, { machine, refusal, fault })
  return fault ? { stalled: fault } : {}
}

function nextPlace(
  seen: Seen,
  { machine, refusal, fault }: { machine: GpuVm; refusal: Refusal; fault: Explanation | undefined },
): Verdict {
  const { session, observed } = seen
  if (observed.ranking === undefined)
    return fault ? { stalled: fault } : { waiting: { reason: 'NoCapacity', message: refusal.message } }
  const refused = placeOf(machine)
  const ranking = withoutRefused(observed.ranking, { refused, refusal })

  const candidate = wasPlayed(session) ? onSameDisk(ranking.candidates, machine) : ranking.candidates[0]
  if (candidate === undefined) return fault ? { stalled: fault } : waitWhere(seen, ranking.ruledOut)
  if (candidate.region !== refused.region || !isReachable(candidate, machine)) {
    return { step: { do: 'DeleteMachine', machine } } // Never played: nothing on it is lost.
  }
  const message = `${describePlace(refused)} was refused (${refusal.reason}); ${describePlace(candidate)} is tried.`
  const priority = candidate.priority === refused.priority ? {} : { priority: candidate.priority }
  const zone = candidate.zone === refused.zone ? {} : { zone: candidate.zone }
  const because = { reason: 'AnotherPlace', message }
  return { step: { do: 'ChangeMachine', machine, spec: { size: candidate.size, ...zone, ...priority }, because } }
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
  if (!wasPlayed(session)) return verdict
  const message = `${verdict.waiting.message} Its disk keeps it in this region.`
  return { ...verdict, waiting: { ...verdict.waiting, message } }
}
