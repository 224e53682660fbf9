// Makes the VM of the present incarnation, once its predecessor is gone and address and interface stand. The first is
// made from the image, every later one from the disk that the first one left.
import { inZone, kindOf, lookSeconds, type Phase } from './decision.ts'

export const creation: Phase = ({ machine, observed, incarnation, settings, operations }) => {
  if (observed.virtualMachine || machine.spec.powerState !== 'Running') return {}
  return {
    step: { do: 'CreateVirtualMachine' },
    because: {
      reason: 'Creating',
      message: `Azure is asked for ${kindOf(incarnation.priority)}, ${machine.spec.size}${inZone(machine.spec)}.`,
    },
    requeueAfterSeconds: lookSeconds(settings, operations),
  }
}
