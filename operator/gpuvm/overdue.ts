// An operation of Azure's that does not end. It is neither a success nor a failure, so that nothing may be asked for a
// second time; but a player waits, or money runs, and somebody has to know. It is told once it takes unusually long, and
// is a person's when it has taken longer than Azure's own limits let it. Should it end after all, all goes on by itself.
import { type Explanation, isLeaving, type Seen, scaled, type Verdict } from './decision.ts'

/**
 * Azure's limits for what it does on a VM: `extensionsTimeBudget` is at least 15 minutes, and 90 unless somebody says
 * otherwise; then Azure itself ends the operation as failed.
 * https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#virtualmachine
 */
const SLOW_MINUTES = 15
const OVERDUE_MINUTES = 90

/** It takes unusually long. */
export const SLOW = 'OperationSlow'
/** It takes longer than Azure says that it can. */
export const OVERDUE = 'OperationOverdue'

/**
 * What is told while Azure is at work. What else is told has a reason by which others decide: a capacity that is refused,
 * a stop that is unclear.
 */
const ofWork = [
  'Creating',
  'Starting',
  'HostSick',
  'Deallocating',
  'Replacing',
  'DiskDetaching',
  'CopyingDisk',
  'AzureBusy',
  'Adopting',
  'Deleting',
]

/** The verdict, told in these words where it waits for what Azure is at for so long. */
export function overdue(seen: Seen, verdict: Verdict): Verdict {
  const { because, step } = verdict
  const since = underWaySince(seen)
  if (step !== undefined || because === undefined || since === undefined || !ofWork.includes(because.reason))
    return verdict
  const tookSeconds = (seen.now.getTime() - since.getTime()) / 1000
  if (tookSeconds < scaled(SLOW_MINUTES * 60, seen.settings)) return verdict

  const { because: _usual, ...rest } = verdict
  const so = `${because.message} Azure has been at it since ${since.toISOString().slice(0, 19)}Z`
  if (tookSeconds < scaled(OVERDUE_MINUTES * 60, seen.settings))
    return { ...rest, because: { reason: SLOW, message: `${so}, which is unusually long.` } }
  return { ...rest, stalled: remedy(seen, so) }
}

function remedy({ machine }: Seen, so: string): Explanation {
  const way = isLeaving(machine)
    ? 'Once it is gone there, the object goes too.'
    : 'A GpuVm that is deleted overtakes a creation.'
  const message = `${so}, longer than the ${OVERDUE_MINUTES} minutes by which it ends what it does. The resource's activity log in the portal tells of it; open a support request. ${way}`
  return { reason: OVERDUE, message }
}

/** Since when Azure has been at what it has been at for longest; `undefined` while it is at nothing. */
function underWaySince({ machine, observed }: Seen): Date | undefined {
  const { operation } = machine.status ?? {}
  if (operation !== undefined && observed.operation?.is === 'Running') return new Date(operation.since)
  return observed.underWaySince
}
