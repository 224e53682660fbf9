// The order of decisions. Order is policy: giving back overtakes waiting, an eviction a change of mind, and whatever
// came before is out of Azure before anything is asked of it again.
import { adoption, retagging } from './adoption.ts'
import { bootstrap } from './bootstrap.ts'
import { catalogued } from './catalogued.ts'
import { change } from './change.ts'
import { copying } from './copying.ts'
import { creation } from './creation.ts'
import { decide, type Phase, type Seen, type Step, type Verdict } from './decision.ts'
import { deletion } from './deletion.ts'
import { eviction } from './eviction.ts'
import { holdsUpNothing } from './last-error.ts'
import { loss } from './loss.ts'
import { network } from './network.ts'
import { notice } from './notice.ts'
import { operationUnderWay } from './operation.ts'
import { overdue } from './overdue.ts'
import { power } from './power.ts'
import { patient, refusal } from './refusal.ts'
import { replacement } from './replacement.ts'
import { sickness } from './sickness.ts'
import { suspended } from './suspension.ts'

export const phases = [
  deletion,
  adoption,
  operationUnderWay,
  retagging,
  catalogued,
  bootstrap,
  loss,
  eviction,
  change,
  replacement,
  refusal,
  network,
  copying,
  creation,
  power,
  sickness,
  notice,
]

/** What the phases decide, less what it is too soon for, or what a person holds back. */
export function verdictOn(seen: Seen): Verdict {
  return suspended(seen, overdue(seen, patiently(seen)))
}

function patiently(seen: Seen, from: readonly Phase[] = phases): Verdict {
  const decided = decide(from, seen)
  const held = patient(seen, decided)
  return held === decided ? decided : beside(seen, { step: decided.step, held })
}

/**
 * What is decided where a step is refused or held back. Tags and rules of a machine that stands hold up nothing of it: the
 * phases after them decide, and what only a person can mend of those two is told from the record (standing.ts).
 */
export function beside(seen: Seen, { step, held }: { step: Step | undefined; held: Verdict }): Verdict {
  if (step === undefined || !holdsUpNothing({ step: step.do }, seen)) return held
  const phase = step.do === 'Retag' ? retagging : network
  const other = patiently(seen, phases.slice(phases.indexOf(phase) + 1))
  if (other.step?.do === 'BeginIncarnation') return other // A new plan, of which nothing was refused yet.
  const { stalled: _told, ...words } = held
  return { ...words, ...other, ...sooner(held, other) }
}

/** The earlier of two looks. */
function sooner(one: Verdict, other: Verdict): Pick<Verdict, 'requeueAfterSeconds'> {
  const looks = [one.requeueAfterSeconds, other.requeueAfterSeconds].filter(seconds => seconds !== undefined)
  return looks.length === 0 ? {} : { requeueAfterSeconds: Math.min(...looks) }
}
