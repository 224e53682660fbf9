// Gives everything back, whatever was under way: machines first, then what they held, then what those held. The
// finalizer goes last, after live reads have shown that nothing is left. A delete overtakes a running creation.
import { type DeletableResource, isLeaving, type Phase, type Seen, type Verdict } from './decision.ts'

export const deletion: Phase = seen => {
  if (!isLeaving(seen.machine)) return {}
  const because = { reason: 'Deleting', message: 'The machine and everything it held is given back to Azure.' }
  const wait: Verdict = { because, requeueAfterSeconds: seen.settings.operationPollSeconds }
  const { observed, incarnation } = seen

  // Nothing was ever put where we cannot look: without a place there is nothing to give back.
  if (!seen.place) return { because, step: { do: 'ReleaseObject' } }

  if (isDeleting(seen) && observed.operation?.is === 'Running') return wait
  const machines = [
    { machine: observed.virtualMachine, incarnation: incarnation.number },
    { machine: observed.predecessor, incarnation: incarnation.number - 1 },
  ]
  for (const { machine, incarnation: number } of machines) {
    if (!machine) continue
    if (machine.provisioningState === 'Deleting') return wait
    return {
      because,
      step: { do: 'DeleteVirtualMachine', incarnation: number },
      requeueAfterSeconds: seen.settings.operationPollSeconds,
    }
  }

  const resources = removable(seen)
  if (resources.length > 0)
    return {
      because,
      step: { do: 'DeleteResources', resources },
      requeueAfterSeconds: seen.settings.operationPollSeconds,
    }
  if (anythingLeft(seen)) return wait
  return { because, step: { do: 'ReleaseObject' } }
}

/** What nothing else holds any more. An address goes after its interface; a disk after its machine let go of it. */
function removable({ observed, machine }: Seen): DeletableResource[] {
  const { networkInterface, publicIPAddress, networkSecurityGroup, osDisk, dataDisks } = observed
  const resources: DeletableResource[] = []
  if (observed.hasBootstrapSecret) resources.push({ kind: 'bootstrapSecret' })
  if (networkInterface && networkInterface.provisioningState !== 'Deleting')
    resources.push({ kind: 'networkInterface' })
  if (!networkInterface) {
    if (publicIPAddress && publicIPAddress.provisioningState !== 'Deleting') resources.push({ kind: 'publicIPAddress' })
    if (networkSecurityGroup && networkSecurityGroup.provisioningState !== 'Deleting')
      resources.push({ kind: 'networkSecurityGroup' })
  }
  if (osDisk && osDisk.managedBy === undefined && osDisk.provisioningState !== 'Deleting')
    resources.push({ kind: 'osDisk' })
  for (const [index, disk] of (machine.spec.disks.data ?? []).entries()) {
    const held = dataDisks[index]
    if (held && held.managedBy === undefined && held.provisioningState !== 'Deleting')
      resources.push({ kind: 'dataDisk', name: disk.name })
  }
  return resources
}

function anythingLeft({ observed }: Seen): boolean {
  const { networkInterface, publicIPAddress, networkSecurityGroup, osDisk, dataDisks } = observed
  return [networkInterface, publicIPAddress, networkSecurityGroup, osDisk, ...dataDisks].some(
    resource => resource !== undefined,
  )
}

function isDeleting({ machine }: Seen): boolean {
  return machine.status?.operation?.kind === 'Delete'
}
