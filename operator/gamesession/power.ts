// Has the machine run or rest as the session asks, and lets in whom it asks for. The machine follows the session:
// what somebody else wrote there in between is undone.
import { isDeepStrictEqual } from 'node:util'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { turnOf } from './contention.ts'
import { type Explanation, isEnding, isToRun, machineOf, type Phase } from './decision.ts'
import { faultOf, restlessSince } from './machine.ts'

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
  if (isDeepStrictEqual(machine.spec.clientCIDRs, clientCIDRs)) {
    const stalled = powerState === 'Deallocated' ? cannotRest(machine) : undefined
    return stalled ? { stalled } : {}
  }
  const because = { reason: 'ClientsChanged', message: 'The addresses that may reach the stream have changed.' }
  return { step: { do: 'ChangeMachine', machine, spec: { clientCIDRs }, because } }
}

/** A pause that only a person can bring about; `undefined` while it is under way, or done. */
function cannotRest(machine: GpuVm): Explanation | undefined {
  const fault = faultOf(machine)
  if (fault === undefined || restlessSince(machine) === undefined) return fault
  const message = `Azure does not stop the machine for the pause; it runs on and costs on, and nothing is billed: ${fault.message}`
  return { reason: fault.reason, message }
}
