// The order of decisions. Order is policy: giving back overtakes waiting, an eviction a change of mind, and whatever
// came before is out of Azure before anything is asked of it again.
import { adoption, retagging } from './adoption.ts'
import { bootstrap } from './bootstrap.ts'
import { catalogued } from './catalogued.ts'
import { change } from './change.ts'
import { copying } from './copying.ts'
import { creation } from './creation.ts'
import { decide, type Seen, type Verdict } from './decision.ts'
import { deletion } from './deletion.ts'
import { eviction } from './eviction.ts'
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
  return suspended(seen, overdue(seen, patient(seen, decide(phases, seen))))
}
