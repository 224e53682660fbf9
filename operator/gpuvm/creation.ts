// Makes the VM of the present incarnation, once its predecessor is gone and has let go of the disks. The first is
// made from the image, every later one from the disk that the first one left.
import type { Phase, Seen } from './decision.ts'
import { patience, standingRefusal } from './refusal.ts'

export const creation: Phase = seen => {
  const { machine, observed, incarnation, settings } = seen
  if (observed.virtualMachine || machine.spec.powerState !== 'Running') return {}
  const wait = { requeueAfterSeconds: settings.operationPollSeconds }

  if (observed.predecessor) {
    const because = {
      reason: 'Replacing',
      message: 'The machine that came before is removed; disks and address are kept.',
    }
    // An eviction is over when Azure says `deallocated`; deleting earlier could cost the disk its last writes.
    if (incarnation.reason === 'Evicted' && observed.predecessor.powerState === 'Deallocating')
      return { because, ...wait }
    return { because, step: { do: 'DeleteVirtualMachine', incarnation: incarnation.number - 1 }, ...wait }
  }
  if ([observed.osDisk, ...observed.dataDisks].some(disk => disk?.managedBy !== undefined)) {
    return {
      because: { reason: 'DiskDetaching', message: 'Azure still holds the disks on the machine that came before.' },
      ...wait,
    }
  }

  if (fallsBack(seen)) {
    const message = 'Azure has no spot capacity for it now; it is built on on-demand capacity from the same disk.'
    return {
      step: { do: 'BeginIncarnation', priority: 'Regular', reason: 'CapacityRefused' },
      because: { reason: 'CapacityRefused', message },
      requeueAfterSeconds: 0,
    }
  }
  const waiting = patience(seen)
  if (waiting.because || waiting.stalled) return waiting
  const message = `Azure is asked for a ${incarnation.priority === 'Spot' ? 'spot' : 'on-demand'} ${machine.spec.size}.`
  return { step: { do: 'CreateVirtualMachine' }, because: { reason: 'Creating', message }, ...wait }
}

/** Somebody has played on this disk and spot is refused: the spec lets it go on on-demand, in the same place. */
export function fallsBack(seen: Seen): boolean {
  const { machine, incarnation } = seen
  const wasPlayed = machine.status?.stream !== undefined
  const mayMove = machine.spec.onEviction === 'Regular'
  return wasPlayed && mayMove && incarnation.priority === 'Spot' && standingRefusal(seen)?.decision.do === 'Refused'
}
