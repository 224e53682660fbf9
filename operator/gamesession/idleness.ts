// Ends a session that nobody plays, by what the guest agent of the present machine reports. Without a report nothing
// is known of the player's presence, and no timer runs.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { isToRun, machineOf, type Phase, secondsBetween } from './decision.ts'
import { explain } from './ending.ts'

export const idleness: Phase = seen => {
  const { session, billing, now } = seen
  const { since: playingSince } = billing
  if (!isToRun(session) || playingSince === undefined) return {}
  const absence = absenceOf(machineOf(seen))
  if (absence === undefined) return {}

  const { reason, since } = absence
  const { disconnectGraceSeconds, idleTimeoutSeconds } = session.spec
  const permittedSeconds = reason === 'Disconnected' ? disconnectGraceSeconds : idleTimeoutSeconds
  if (permittedSeconds === 0) return {} // For ever.

  // Time in which nobody could have played is not held against the player.
  const from = new Date(Math.max(since.getTime(), playingSince.getTime()))
  const leftSeconds = permittedSeconds - secondsBetween({ from, to: now })
  return leftSeconds > 0 ? { requeueAfterSeconds: leftSeconds } : { step: { do: 'End', ...explain(reason) } }
}

function absenceOf(machine: GpuVm | undefined): { reason: 'Disconnected' | 'Idle'; since: Date } | undefined {
  const { guest, incarnation } = machine?.status ?? {}
  if (guest?.incarnation === undefined || guest.incarnation !== incarnation?.number) return undefined // An older machine's.
  if (guest.connected === false && guest.reportedAt !== undefined) {
    return { reason: 'Disconnected', since: new Date(guest.reportedAt) }
  }
  if (guest.connected === true && guest.idleSince !== undefined) {
    return { reason: 'Idle', since: new Date(guest.idleSince) }
  }
  return undefined
}
