// Does the one step that was decided: one call outside for each arm. Whatever goes wrong is thrown.
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { secrets } from '../../lib/kube/core.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { removeFinalizer } from '../../lib/kube/finalizers.ts'
import { controllerReference } from '../../lib/kube/resource.ts'
import { AzureError } from '../azure/errors.ts'
import {
  copiedSnapshotName,
  dataDiskName,
  networkInterfaceName,
  networkSecurityGroupName,
  osDiskName,
  publicIPAddressName,
  tagsOf,
  takenSnapshotName,
  virtualMachineName,
} from '../azure/names.ts'
import type { AcceptedOperation, Azure, Place, TaggedResource } from '../azure/provider.ts'
import { sourceOf } from './copying.ts'
import {
  type DeletableResource,
  type Operation,
  PLAYER_LABEL,
  type Seen,
  type Step,
  type TaggedKind,
} from './decision.ts'
import { released, type Teller } from './events.ts'
import { securityGroupId } from './network.ts'
import { virtualMachineRequest } from './request.ts'
import type { Outcome } from './status.ts'

export const FINALIZER = 'wasd.cloud/operator'

export interface Hands {
  azure: Azure
  kube: KubeClient
  recorder: Teller
}

export async function perform(step: Step, seen: Seen, hands: Hands, signal: AbortSignal): Promise<Outcome> {
  const { azure, kube, recorder } = hands
  const { machine, rootUid, incarnation } = seen
  const name = virtualMachineName(rootUid, incarnation.number)

  switch (step.do) {
    case 'Adopt':
    case 'BeginIncarnation':
    case 'RecordEviction':
      return {} // Written with the status; the next pass acts on it.
    case 'EnsureBootstrapSecret':
      await ensureBootstrapSecret(seen, kube, signal)
      return {}
    case 'ReleaseObject':
      released(recorder, seen) // Before: whoever comes after a death in between does not see the object any more.
      await removeFinalizer(kube, gpuVms, machine, FINALIZER, { signal })
      return {}
    case 'Retag':
      await Promise.all(
        step.resources.map(resource => azure.retag(placed(seen), named(resource, seen), tags(seen), signal)),
      )
      return {}
    case 'PutPublicIPAddress': {
      const redundancy = machine.spec.zone === undefined ? 'Regional' : 'ZoneRedundant'
      const request = { name: publicIPAddressName(rootUid), redundancy, tags: tags(seen) } as const
      await azure.putPublicIPAddress(placed(seen), request, signal)
      return {}
    }
    case 'PutNetworkSecurityGroup': {
      const { clientCIDRs = [] } = machine.spec
      const request = {
        name: networkSecurityGroupName(rootUid),
        clientCIDRs,
        probeCIDRs: seen.region?.probeCIDRs ?? [],
        tags: tags(seen),
      }
      await azure.putNetworkSecurityGroup(placed(seen), request, signal)
      return {}
    }
    case 'PutNetworkInterface': {
      const request = {
        name: networkInterfaceName(rootUid),
        subnetId: seen.region?.subnetId ?? '',
        publicIPAddressId: seen.observed.publicIPAddress?.id ?? '',
        networkSecurityGroupId: securityGroupId(seen),
        tags: tags(seen),
      }
      await azure.putNetworkInterface(placed(seen), request, signal)
      return {}
    }
    case 'TakeSnapshot': {
      const { source } = seen.observed.copy ?? {}
      const request = { name: takenSnapshotName(rootUid), diskId: source?.id ?? '', tags: tags(seen) }
      await azure.putSnapshot(beside(seen, source?.region), request, signal)
      return {}
    }
    case 'CopySnapshot': {
      const snapshotId = seen.observed.copy?.taken?.id ?? ''
      const request = { name: copiedSnapshotName(rootUid), snapshotId, tags: tags(seen) }
      await azure.putSnapshot(placed(seen), request, signal)
      return {}
    }
    case 'PutOsDisk': {
      const { sku } = machine.spec.disks.os
      const snapshotId = seen.observed.copy?.copied?.id ?? ''
      const { zone } = machine.spec
      await azure.putDisk(placed(seen), { name: osDiskName(rootUid), sku, zone, snapshotId, tags: tags(seen) }, signal)
      return {}
    }
    case 'CreateVirtualMachine':
      return begun(
        seen,
        'Create',
        name,
        await azure.createVirtualMachine(placed(seen), virtualMachineRequest(seen, name, tags(seen)), signal),
      )
    case 'StartVirtualMachine':
      return begun(seen, 'Start', name, await azure.startVirtualMachine(placed(seen), name, signal))
    case 'RedeployVirtualMachine':
      return begun(seen, 'Redeploy', name, await azure.redeployVirtualMachine(placed(seen), name, signal))
    case 'DeallocateVirtualMachine':
      return begun(seen, 'Deallocate', name, await azure.deallocateVirtualMachine(placed(seen), name, signal))
    case 'DeleteVirtualMachine': {
      const doomed = virtualMachineName(rootUid, step.incarnation)
      return begun(seen, 'Delete', doomed, await azure.deleteVirtualMachine(placed(seen), doomed, signal))
    }
    case 'DeleteResources':
      await Promise.all(step.resources.map(resource => deleteResource(resource, seen, hands, signal)))
      return {}
    default:
      return step satisfies never
  }
}

function begun(
  { incarnation, now }: Seen,
  kind: Operation['kind'],
  resource: string,
  { poller }: AcceptedOperation,
): Outcome {
  return { operation: { kind, resource, incarnation: incarnation.number, poller, since: now.toISOString() } }
}

async function deleteResource(
  resource: DeletableResource,
  seen: Seen,
  { azure, kube }: Hands,
  signal: AbortSignal,
): Promise<unknown> {
  const { machine, rootUid, namespace } = seen
  switch (resource.kind) {
    case 'networkInterface':
      return await azure.deleteNetworkInterface(placed(seen), networkInterfaceName(rootUid), signal)
    case 'publicIPAddress':
      return await azure.deletePublicIPAddress(placed(seen), publicIPAddressName(rootUid), signal)
    case 'networkSecurityGroup':
      return await azure.deleteNetworkSecurityGroup(placed(seen), networkSecurityGroupName(rootUid), signal)
    case 'osDisk':
      return await azure.deleteDisk(placed(seen), osDiskName(rootUid), signal)
    case 'dataDisk':
      return await azure.deleteDisk(placed(seen), dataDiskName(rootUid, resource.name), signal)
    case 'takenSnapshot':
      return await azure.deleteSnapshot(beside(seen), takenSnapshotName(rootUid), signal)
    case 'copiedSnapshot':
      return await azure.deleteSnapshot(placed(seen), copiedSnapshotName(rootUid), signal)
    case 'bootstrapSecret':
      await kube.delete(secrets, { namespace, name: machine.metadata.name }, { signal })
      return
    default:
      return resource satisfies never
  }
}

function named(resource: TaggedKind, { rootUid, incarnation }: Seen): { kind: TaggedResource['kind']; name: string } {
  switch (resource.kind) {
    case 'virtualMachine':
      return { kind: resource.kind, name: virtualMachineName(rootUid, incarnation.number) }
    case 'networkInterface':
      return { kind: resource.kind, name: networkInterfaceName(rootUid) }
    case 'publicIPAddress':
      return { kind: resource.kind, name: publicIPAddressName(rootUid) }
    case 'networkSecurityGroup':
      return { kind: resource.kind, name: networkSecurityGroupName(rootUid) }
    case 'osDisk':
      return { kind: 'disk', name: osDiskName(rootUid) }
    case 'dataDisk':
      return { kind: 'disk', name: dataDiskName(rootUid, resource.name) }
    default:
      return resource satisfies never
  }
}

/** What the guest needs at boot is put into it later; a machine must not wait for that. */
async function ensureBootstrapSecret(
  { machine, namespace }: Seen,
  kube: KubeClient,
  signal: AbortSignal,
): Promise<void> {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace, name: machine.metadata.name, ownerReferences: [controllerReference(machine)] },
  }
  try {
    await kube.create(secrets, secret, { signal })
  } catch (error) {
    if (!isKubeError(error, 'AlreadyExists')) throw error
  }
}

/** Where the disk is that is copied. */
function beside({ machine }: Seen, region = ''): Place {
  const source = sourceOf(machine)
  if (!source) throw new AzureError('SourceDiskUnknown', 'The machine is no copy of another.', { status: 400 })
  return { ...source.place, region }
}

/** Phases take a step in Azure only where they know the place. */
function placed({ place, machine }: Seen): Place {
  if (!place)
    throw new AzureError('RegionUnknown', `The catalogue does not know region ${machine.spec.region}.`, { status: 400 })
  return place
}

function tags({ machine, uid, namespace, settings }: Seen) {
  const player = machine.metadata.labels?.[PLAYER_LABEL]
  return tagsOf({ installationId: settings.installationId, namespace, name: machine.metadata.name, uid, player })
}
