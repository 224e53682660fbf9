// Puts on record what a pass saw and decided, and tells whoever has to know: the events, the rankings, the prober.
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { referenceOf } from '../../lib/kube/resource.ts'
import { virtualMachineName } from '../azure/names.ts'
import type { Attempt, Inside, Outside } from './controller.ts'
import type { Seen, Verdict } from './decision.ts'
import { tell } from './events.ts'
import { decisionOn, lateFailure, onRecord } from './last-error.ts'
import { isNoteworthy } from './noteworthy.ts'
import { stallOf } from './refusal.ts'
import { statusOf } from './status.ts'

/** Stopping a machine looks like an eviction from outside; the intent is on record before anything can be seen of it. */
export async function intend(seen: Seen, verdict: Verdict, outside: Inside, signal: AbortSignal): Promise<void> {
  const { rootUid, incarnation, now, machine } = seen
  if (machine.status?.operation?.kind === 'Deallocate') return
  const operation = {
    kind: 'Deallocate' as const,
    resource: virtualMachineName(rootUid, incarnation.number),
    incarnation: incarnation.number,
    since: now.toISOString(),
  }
  // What Azure refused stands until it accepts: who looks between two tries, or waits for a word, sees no mending.
  const refused = onRecord(machine).find(({ step }) => step === verdict.step?.do)
  const stalled = refused && stallOf(refused, seen)
  const status = statusOf(seen, { ...verdict, ...(stalled && { stalled }) }, { operation })
  seen.machine = await write(machine, status, outside, signal)
}

export async function record(
  { seen, verdict, outcome }: Attempt & { seen: Seen },
  outside: Inside,
  signal: AbortSignal,
): Promise<void> {
  const next = statusOf(seen, verdict, outcome)
  await write(seen.machine, next, outside, signal)

  const failure = outcome.refused ?? lateFailure(seen)
  tell(outside.recorder, { seen, verdict, outcome, failure, next })
  if (failure && decisionOn(failure).do === 'Refused') outside.onRefused({ seen, ...failure })
  follow(seen, next, outside)
}

/** Nothing noteworthy, no write. A status that was read too early is refused by the server, and the pass begins anew. */
async function write(machine: GpuVm, status: GpuVmStatus, { records }: Inside, signal: AbortSignal): Promise<GpuVm> {
  return isNoteworthy(machine, status) ? await records.write({ ...machine, status }, { signal }) : machine
}

function follow({ machine, uid }: Seen, status: GpuVmStatus, { prober }: Outside): void {
  const { publicIP, powerState } = status
  if (publicIP !== undefined && powerState === 'Running')
    prober.follow({ uid, key: referenceOf(machine), host: publicIP })
  else if (powerState !== 'Unknown') prober.forget(uid)
}
