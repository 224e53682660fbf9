// Takes the VM that came before out of Azure, whatever its successor is to be; disks and address are kept. Until it
// has let go of them nothing new is asked for, and so a session never holds two machines.
import { lookSeconds, type Phase } from './decision.ts'
import { refusedExplanation, standingRefusal } from './refusal.ts'

export const replacement: Phase = seen => {
  const { machine, observed, incarnation, settings, operations } = seen
  if (observed.virtualMachine) return {}
  const wait = { requeueAfterSeconds: lookSeconds(settings, operations) }

  if (observed.predecessor) {
    const message = 'The machine that came before is removed; disks and address are kept.'
    // Whoever looks for another place need not wait for the remains of the one that was refused.
    const because = refusedExplanation(standingRefusal(seen), seen) ?? { reason: 'Replacing', message }
    // An eviction is over when Azure says `deallocated`; deleting earlier could cost the disk its last writes.
    if (incarnation.reason === 'Evicted' && observed.predecessor.powerState === 'Deallocating')
      return { because, ...wait }
    return { because, step: { do: 'DeleteVirtualMachine', incarnation: incarnation.number - 1 }, ...wait }
  }

  const isHeld = [observed.osDisk, ...observed.dataDisks].some(disk => disk?.managedBy !== undefined)
  if (!isHeld || machine.spec.powerState !== 'Running') return {}
  const message = 'Azure still holds the disks on the machine that came before.'
  return { because: { reason: 'DiskDetaching', message }, ...wait }
}
