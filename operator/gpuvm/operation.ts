// Waits for what Azure is already doing. A poller answers where the status has one; where its reply was lost, the
// VM's own provisioning state does.
import { kindOf, lookSeconds, type Phase, type Seen } from './decision.ts'

export const operationUnderWay: Phase = seen => {
  const { observed, settings, operations } = seen
  const wait = { requeueAfterSeconds: lookSeconds(settings, operations) }

  if (observed.sight === 'Operation') return { ...wait, because: explanation(seen) }
  const machine = observed.virtualMachine ?? observed.predecessor
  if (machine && ['Creating', 'Updating', 'Deleting'].includes(machine.provisioningState))
    return { ...wait, because: explanation(seen) }
  return {}
}

function explanation({ machine, observed, incarnation }: Seen): { reason: string; message: string } {
  const kind =
    machine.status?.operation?.kind ??
    (observed.virtualMachine?.provisioningState === 'Creating' ? 'Create' : undefined)
  switch (kind) {
    case 'Create':
      return {
        reason: 'Creating',
        message: `Azure creates ${kindOf(incarnation.priority)}, ${machine.spec.size}.`,
      }
    case 'Start':
      return { reason: 'Starting', message: 'Azure starts the machine.' }
    case 'Redeploy':
      return { reason: 'HostSick', message: 'Azure moves the machine to another host; disks and address are kept.' }
    case 'Deallocate':
      return { reason: 'Deallocating', message: 'Azure stops the machine and gives its host back; the disks are kept.' }
    case 'Delete':
      return { reason: 'Replacing', message: 'Azure removes the machine that came before; disks and address are kept.' }
    default:
      return { reason: 'AzureBusy', message: 'Azure is still changing the machine.' }
  }
}
