// Gives everything back, whatever was under way: machines first, then what they held, then what those held. The
// finalizer goes last, after live reads have shown that nothing is left. A delete overtakes a running creation. One that
// Azure refuses, or fails late, is asked for again when refusal.ts says.
import type { DiskSeen } from '../azure/provider.ts'
import { removableSnapshots } from './copying.ts'
import { type DeletableResource, isLeaving, type Phase, type Seen, type Verdict } from './decision.ts'

export const deletion: Phase = seen => {
  if (!isLeaving(seen.machine)) return {}
  const because = { reason: 'Deleting', message: 'The machine and everything it held is given back to Azure.' }
  const wait: Verdict = { because, requeueAfterSeconds: seen.settings.operationPollSeconds }
  const { observed, incarnation } = seen

  // Nothing was ever put where we cannot look: without a place there is nothing to give back to Azure.
  if (!seen.place && !observed.hasBootstrapSecret) return { because, step: { do: 'ReleaseObject' } }

  if (observed.sight === 'Operation') return wait
  const machines = [
    { vm: observed.virtualMachine, number: incarnation.number },
    { vm: observed.predecessor, number: incarnation.number - 1 },
  ]
  for (const { vm, number } of machines) {
    if (!vm) continue
    if (vm.provisioningState === 'Deleting') return wait
    return { ...wait, step: { do: 'DeleteVirtualMachine', incarnation: number } }
  }

  const resources = removable(seen)
  if (resources.length > 0) return { ...wait, step: { do: 'DeleteResources', resources } }
  if (anythingLeft(seen)) return wait
  return { because, step: { do: 'ReleaseObject' } }
}

/** What nothing else holds any more. An address goes after its interface; a disk after its machine let go of it. */
function removable(seen: Seen): DeletableResource[] {
  const { observed, machine } = seen
  const { networkInterface, publicIPAddress, networkSecurityGroup, osDisk, dataDisks } = observed
  const resources: DeletableResource[] = removableSnapshots(seen)
  if (observed.hasBootstrapSecret) resources.push({ kind: 'bootstrapSecret' })
  if (networkInterface && networkInterface.provisioningState !== 'Deleting')
    resources.push({ kind: 'networkInterface' })
  if (!networkInterface) {
    if (publicIPAddress && publicIPAddress.provisioningState !== 'Deleting') resources.push({ kind: 'publicIPAddress' })
    if (networkSecurityGroup && networkSecurityGroup.provisioningState !== 'Deleting')
      resources.push({ kind: 'networkSecurityGroup' })
  }
  if (isRemovable(osDisk)) resources.push({ kind: 'osDisk' })
  for (const [index, disk] of (machine.spec.disks.data ?? []).entries()) {
    if (isRemovable(dataDisks[index])) resources.push({ kind: 'dataDisk', name: disk.name })
  }
  return resources
}

function isRemovable(disk: DiskSeen | undefined): boolean {
  return disk !== undefined && !disk.isKept && disk.managedBy === undefined && disk.provisioningState !== 'Deleting'
}

/** What stays in Azure when the object is gone, since somebody has tagged it so. */
export function keptDisks({ observed: { osDisk, dataDisks } }: Seen): DiskSeen[] {
  return [osDisk, ...dataDisks].filter(disk => disk !== undefined).filter(disk => disk.isKept)
}

function anythingLeft({ observed }: Seen): boolean {
  const { networkInterface, publicIPAddress, networkSecurityGroup, osDisk, dataDisks, copy } = observed
  const snapshots = [copy?.taken, copy?.copied]
  const disks = [osDisk, ...dataDisks].filter(disk => !disk?.isKept)
  return [networkInterface, publicIPAddress, networkSecurityGroup, ...disks, ...snapshots].some(
    resource => resource !== undefined,
  )
}
