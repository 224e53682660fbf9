// Gives up every machine of a session but one: restored objects and edited owners can leave it with more. The one that
// it moves away from stays, stopped, until the one that it moves to can be played: only then is its disk needed no more.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Phase, Verdict } from './decision.ts'
import { isMovedFrom, wasPlayedOn } from './machine.ts'

export const surplus: Phase = ({ observed }) => {
  const [machine, ...others] = observed.machines
  if (machine === undefined) return {}
  for (const other of others) {
    const verdict = other.metadata.deletionTimestamp === undefined ? giveUp(machine, other) : {}
    if (verdict.step) return verdict
  }
  return {}
}

function giveUp(machine: GpuVm, other: GpuVm): Verdict {
  const isStillNeeded = isMovedFrom(other, machine) && !wasPlayedOn(machine)
  if (!isStillNeeded) return { step: { do: 'DeleteMachine', machine: other } }
  if (other.spec.powerState === 'Deallocated') return {}
  const message = `The session moves to ${machine.spec.region}; here nothing is started any more.`
  const because = { reason: 'MovingRegion', message }
  return { step: { do: 'ChangeMachine', machine: other, spec: { powerState: 'Deallocated' }, because } }
}
