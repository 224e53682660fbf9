// The phases of a session, and their order. Order is policy: an end overtakes everything, and a recovery a change of
// mind.
//
// `inheritance` takes over what a restored session had; `abandonment` lets go of what Azure cannot be asked about any
// more; `ending` brings to its end what is to end; `claim` puts the finalizer on; `paidTime` and `idleness` decide on an
// end; `surplus` gives up what is too much; `recovery` finds another place for a machine that Azure refuses;
// `placement` the first one; `power` pauses and resumes; `expiry` deletes what has failed long ago.
import { abandonment } from './abandonment.ts'
import { claim } from './claim.ts'
import type { Phase } from './decision.ts'
import { ending } from './ending.ts'
import { expiry } from './expiry.ts'
import { idleness } from './idleness.ts'
import { inheritance } from './inheritance.ts'
import { paidTime } from './paid-time.ts'
import { placement } from './placement.ts'
import { power } from './power.ts'
import { recovery } from './recovery.ts'
import { surplus } from './surplus.ts'

export const phases: readonly Phase[] = [
  inheritance,
  abandonment,
  ending,
  claim,
  paidTime,
  idleness,
  surplus,
  recovery,
  placement,
  power,
  expiry,
]
