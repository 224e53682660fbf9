// Has the machine run or rest as the session asks, and lets in whom it asks for. The machine follows the session:
// what somebody else wrote there in between is undone.
import { isDeepStrictEqual } from 'node:util'
import { turnOf } from './contention.ts'
import { isEnding, isToRun, machineOf, type Phase } from './decision.ts'

export const power: Phase = seen => {
  const { session } = seen
  const machine = machineOf(seen)
  if (machine === undefined || machine.metadata.deletionTimestamp !== undefined || isEnding(session)) return {}

  const powerState = isToRun(session) ? 'Running' : 'Deallocated'
  if (machine.spec.powerState !== powerState) {
    const waiting = powerState === 'Running' ? (turnOf(seen) ?? seen.observed.againstStart) : undefined
    if (waiting) return { waiting }
    const because =
      powerState === 'Running'
        ? { reason: 'Resuming', message: 'The session was told to run; its machine is started.' }
        : { reason: 'Pausing', message: 'The session was told to pause; its machine is stopped, its disks are kept.' }
    return { step: { do: 'ChangeMachine', machine, spec: { powerState }, because } }
  }

  const { clientCIDRs } = session.spec
  if (isDeepStrictEqual(machine.spec.clientCIDRs, clientCIDRs)) return {}
  const because = { reason: 'ClientsChanged', message: 'The addresses that may reach the stream have changed.' }
  return { step: { do: 'ChangeMachine', machine, spec: { clientCIDRs }, because } }
}
