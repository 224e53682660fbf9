// Moves a machine to another host when its own is sick: Azure calls it running, its stream is silent, and Azure's own
// word on the host (Resource Health) or on the agent inside says that it is not well. Once for each silence; what a new
// host does not mend is not the host's, and is left to whoever reads `Playable`. What Azure has announced (a freeze, a
// restart, a move of its own) is waited for instead.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { GpuVmSettings, Phase, Seen } from './decision.ts'
import { scaled } from './decision.ts'

/** Seconds of silence before Azure is asked how the machine is: a game that restarts Sunshine takes one of them. */
const SILENT_SECONDS = 120
/** Between two looks. */
const LOOK_SECONDS = 30
/** After so long a silence nobody looks any more: there is no stream server, or a person has to see to it. */
const GIVEN_UP_SECONDS = 1800
/** For so long after its time an announced event explains a silence. */
const MAINTENANCE_SECONDS = 900

export const sickness: Phase = seen => {
  const { machine, observed, stream, now, settings } = seen
  if (observed.virtualMachine?.powerState !== 'Running' || stream.answering !== false) return {}
  // Heard only now: it is on record from this pass on.
  if (machine.status?.stream?.answering === true) return { requeueAfterSeconds: scaled(SILENT_SECONDS, settings) }
  const silent = silenceOf(machine, { now, settings })
  if (silent === undefined) return {}
  if (silent.leftSeconds > 0) return { requeueAfterSeconds: silent.leftSeconds }
  if (isAzuresWork(seen)) return { requeueAfterSeconds: scaled(LOOK_SECONDS, settings) }
  const why = complaintOf(seen, silent.since)
  if (why === undefined) return { requeueAfterSeconds: scaled(LOOK_SECONDS, settings) }
  const message = `The stream is silent and ${why}; the machine is moved to another host. Disks and address are kept.`
  return {
    step: { do: 'RedeployVirtualMachine' },
    because: { reason: 'HostSick', message },
    requeueAfterSeconds: settings.operationPollSeconds,
  }
}

/** Whether the machine is to be looked at although it is as its status says. */
export function isSuspect(machine: GpuVm, times: { now: Date; settings: GpuVmSettings }): boolean {
  return silenceOf(machine, times) !== undefined
}

/** Whether the silence lasts for which another host was asked for: what was refused of that is asked for again. */
export function isStillSick({ machine, observed, stream, now, settings }: Seen): boolean {
  const { powerState } = observed.virtualMachine ?? {}
  if (powerState !== 'Running' && powerState !== 'Unknown') return false // Untold for a moment, it proves nothing.
  if (stream.answering === true) return false
  return silenceOf(machine, { now, settings }) !== undefined
}

/** A silence on record that nothing explains and no move has been tried for; `leftSeconds` until it counts. */
function silenceOf(
  { spec, status }: GpuVm,
  { now, settings }: { now: Date; settings: GpuVmSettings },
): { since: Date; leftSeconds: number } | undefined {
  const { stream, redeployedAt, guest, incarnation } = status ?? {}
  const lastAnsweredAt = stream?.answering === false ? stream.lastAnsweredAt : undefined
  // A machine that has never answered since it was made has its own story; its creation would have failed.
  if (spec.powerState !== 'Running' || lastAnsweredAt === undefined) return undefined
  const since = new Date(lastAnsweredAt)
  if (incarnation?.since !== undefined && since < new Date(incarnation.since)) return undefined
  if (redeployedAt !== undefined && since < new Date(redeployedAt)) return undefined
  const seconds = (now.getTime() - since.getTime()) / 1000
  if (seconds > scaled(GIVEN_UP_SECONDS, settings)) return undefined

  const { event, notBefore } = guest?.incarnation === incarnation?.number ? (guest?.maintenance ?? {}) : {}
  if (event !== undefined && notBefore !== undefined) {
    const untilMilliseconds = new Date(notBefore).getTime() + scaled(MAINTENANCE_SECONDS, settings) * 1000
    if (now.getTime() < untilMilliseconds) return { since, leftSeconds: (untilMilliseconds - now.getTime()) / 1000 }
  }
  return { since, leftSeconds: scaled(SILENT_SECONDS, settings) - seconds }
}

/** Notes by which Azure calls the host broken, or about to be. https://learn.microsoft.com/azure/service-health/resource-health-vm-annotation */
const BROKEN = [
  'VirtualMachineHostCrashed',
  'VirtualMachineHostRebootedForRepair',
  'VirtualMachineStorageOffline',
  'VirtualMachinePossiblyDegradedDueToHardwareFailure',
  'VirtualMachinePossiblyDegradedDueToHardwareFailureWithRedeployDeadline',
  'VirtualMachineMigrationScheduledForDegradedHardware',
  'VirtualMachineScheduledForServiceHealing',
]
/** Notes of what Azure does itself, and ends itself: a freeze, a restart, a move to another host. */
const AT_WORK = [
  'VirtualMachinePlannedFreezeStarted',
  'VirtualMachineRebootInitiatedForPlannedMaintenance',
  'VirtualMachineMigrationInitiatedForPlannedMaintenance',
  'VirtualMachineMigrationInitiatedForRepair',
]
/** So long before the last answer a note may lie and still tell of this silence. */
const NOTE_SECONDS = 120

/** What Azure says against the machine, as half a sentence. */
function complaintOf({ observed, settings }: Seen, since: Date): string | undefined {
  const { virtualMachine: vm, noted } = observed
  if (vm?.agent === 'NotReady') return 'Azure hears nothing of the agent inside'
  if (typeof noted !== 'object' || !BROKEN.includes(noted.name)) return undefined
  const isOfThis = noted.at.getTime() >= since.getTime() - scaled(NOTE_SECONDS, settings) * 1000
  return isOfThis ? `Azure says that its host is not well (${noted.name})` : undefined
}

/** It is waited for, a quarter of an hour at most, as what Azure has announced to the machine is. */
function isAzuresWork({ observed: { noted }, now, settings }: Seen): boolean {
  if (typeof noted !== 'object' || !AT_WORK.includes(noted.name)) return false
  return now.getTime() - noted.at.getTime() < scaled(MAINTENANCE_SECONDS, settings) * 1000
}
