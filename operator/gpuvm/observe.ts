// Gathers everything that a pass needs, once. Only what a decision can hang on is read, and of that only what this
// process does not know (recollection.ts): a machine that stands costs one GET, a long-running operation that still runs
// one look at it and nothing else.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import { secrets } from '../../lib/kube/core.ts'
import type { Clock } from '../../lib/process/clock.ts'
import {
  copiedSnapshotName,
  dataDiskName,
  networkInterfaceName,
  networkSecurityGroupName,
  osDiskName,
  publicIPAddressName,
  takenSnapshotName,
  virtualMachineName,
} from '../azure/names.ts'
import type { Azure, OperationState, Place, VirtualMachineSeen } from '../azure/provider.ts'
import type { Annotations } from './annotations.ts'
import { isCopyOfUse, sourceOf } from './copying.ts'
import { type CopySeen, type Heritage, incarnationOf, isLeaving, type Observed, PLAYER_LABEL } from './decision.ts'
import type { Holdings } from './holdings.ts'
import type { Recollection } from './recollection.ts'
import type { Standing } from './requests.ts'

/** Before anything was asked. */
export const nothing: Observed = {
  sight: 'None',
  virtualMachine: undefined,
  predecessor: undefined,
  publicIPAddress: undefined,
  networkInterface: undefined,
  networkSecurityGroup: undefined,
  osDisk: undefined,
  dataDisks: [],
  copy: undefined,
  noted: undefined,
  hasBootstrapSecret: false,
  heritage: undefined,
  late: undefined,
  underWaySince: undefined,
  operation: undefined,
}

export interface Sighting {
  azure: Azure
  kube: KubeClient
  holdings: Pick<Holdings, 'of'>
  annotations: Pick<Annotations, 'of'>
  recollection: Pick<Recollection, 'isDeleted' | 'hasBootstrapSecret' | 'requests'>
  /** Azure's list of the fleet shows already what the operation under way is to bring about. */
  isEndInSight: boolean
  machine: GpuVm
  uid: string
  rootUid: string
  place: Place | undefined
  /** When the pass began. */
  now: Date
  clock: Pick<Clock, 'now'>
  signal: AbortSignal
}

export async function observe(sighting: Sighting): Promise<Observed> {
  const { azure, machine, rootUid, place, now, signal } = sighting
  if (!place) return { ...nothing, hasBootstrapSecret: await bootstrapSecretExists(sighting) }

  const { number } = incarnationOf(machine, now)
  const name = virtualMachineName(rootUid, number)
  // Whose end the list shows is looked at itself; its operation is asked only where that does not settle it.
  const ended = sighting.isEndInSight ? await azure.virtualMachine(place, name, signal) : undefined
  const operation = ended?.provisioningState === 'Succeeded' ? undefined : await operationState(sighting, place)
  // While an operation runs nothing else can be decided, but that all of it is to go, if it is not going already.
  const isOvertaken = isLeaving(machine) && machine.status?.operation?.kind !== 'Delete'
  if (operation?.is === 'Running' && !isOvertaken) return { ...nothing, sight: 'Operation', operation }
  const { kind, resource } = machine.status?.operation ?? {}
  if (operation?.is === 'Succeeded' && kind === 'Delete' && resource !== undefined)
    sighting.recollection.isDeleted(resource)

  const heritage = isLeaving(machine) ? undefined : await heritageOf(sighting, place)
  if (heritage) return { ...nothing, sight: 'Operation', heritage }

  return await whole(sighting, { place, name, ended, operation })
}

/** What no operation is under way for, or what is to go whatever is. */
async function whole(
  sighting: Sighting,
  known: {
    place: Place
    name: string
    ended: VirtualMachineSeen | undefined
    operation: OperationState | undefined
  },
): Promise<Observed> {
  const { azure, machine, rootUid, now, annotations, recollection, signal } = sighting
  const { place, name, ended, operation } = known
  const { requests } = recollection
  const { number } = incarnationOf(machine, now)
  const machineOf = async (of: string, look = azure.virtualMachine(place, of, signal)) =>
    await requests.settled({ name: of, seen: await look }, sighting)
  const [virtualMachine, predecessor] = await Promise.all([
    machineOf(name, ended && Promise.resolve(ended)),
    number > 1 && mayHavePredecessor(machine) ? machineOf(virtualMachineName(rootUid, number - 1)) : undefined,
  ])
  const parts = await partsOf(sighting, { place, virtualMachine, predecessor })
  const isAsked = virtualMachine !== undefined && isInQuestion(machine, virtualMachine)
  return {
    sight: 'Whole',
    virtualMachine,
    predecessor,
    ...parts,
    noted: isAsked ? annotations.of(virtualMachine.id) : undefined,
    heritage: undefined,
    late: requests.failure,
    underWaySince: requests.underWaySince,
    operation,
  }
}

type Part =
  | 'hasBootstrapSecret'
  | 'copy'
  | 'publicIPAddress'
  | 'networkInterface'
  | 'networkSecurityGroup'
  | 'osDisk'
  | 'dataDisks'

/** What the VM stands on, as far as a decision can hang on it; a VM that stands proves most of it. */
async function partsOf(
  sighting: Sighting,
  { place, virtualMachine, predecessor }: Pick<Observed, 'virtualMachine' | 'predecessor'> & { place: Place },
): Promise<Pick<Observed, Part>> {
  const { azure, machine, rootUid, recollection, signal } = sighting
  const { spec, status } = machine
  const settled = async <S extends Standing>(of: string, look: Promise<S | undefined>) =>
    await recollection.requests.settled({ name: of, seen: await look }, sighting)
  const everything = virtualMachine === undefined || isLeaving(machine) || !isOnRecord(machine) || isAdopted(machine)
  const guarded = spec.clientCIDRs !== undefined || status?.resources?.networkSecurityGroup !== undefined
  // Before its predecessor is out of Azure nothing is made, and of what it is to be made of nothing needs to be known.
  const isWaiting = predecessor !== undefined && !isLeaving(machine) && isOnRecord(machine) && !isAdopted(machine)
  const network = (everything || guarded) && !isWaiting

  const [address, nic, os] = [publicIPAddressName(rootUid), networkInterfaceName(rootUid), osDiskName(rootUid)]
  const group = networkSecurityGroupName(rootUid)
  const [hasBootstrapSecret, copy, publicIPAddress, networkInterface, networkSecurityGroup, osDisk, ...dataDisks] =
    await Promise.all([
      everything ? bootstrapSecretExists(sighting) : true,
      everything && !isWaiting ? copySeen(sighting, place) : undefined,
      network ? settled(address, azure.publicIPAddress(place, address, signal)) : undefined,
      network ? settled(nic, azure.networkInterface(place, nic, signal)) : undefined,
      (guarded && !isWaiting) || isLeaving(machine)
        ? settled(group, azure.networkSecurityGroup(place, group, signal))
        : undefined,
      everything ? settled(os, azure.disk(place, os, signal)) : undefined,
      ...(everything ? (spec.disks.data ?? []) : []).map(disk => {
        const data = dataDiskName(rootUid, disk.name)
        return settled(data, azure.disk(place, data, signal))
      }),
    ])
  return { hasBootstrapSecret, copy, publicIPAddress, networkInterface, networkSecurityGroup, osDisk, dataDisks }
}

/** It is to run and does not, or it runs and is not heard any more. */
function isInQuestion({ spec, status }: GpuVm, { powerState }: VirtualMachineSeen): boolean {
  if (spec.powerState !== 'Running') return false
  if (powerState === 'Deallocating' || powerState === 'Deallocated') return status?.powerState !== 'Deallocated'
  return powerState === 'Running' && status?.stream?.answering === false
}

/** Where it is of use no more, its disk may be gone, and its region out of reach. */
async function copySeen(sighting: Sighting, place: Place): Promise<CopySeen | undefined> {
  const { azure, machine, rootUid, recollection, signal } = sighting
  const from = sourceOf(machine)
  if (from === undefined || !isCopyOfUse(machine)) return undefined
  const beside = { ...from.place, region: '' }
  const snapshot = async (
    where: Place,
    { name, failing }: { name: string; failing: 'TakeSnapshot' | 'CopySnapshot' },
  ) => await recollection.requests.settled({ name, failing, seen: await azure.snapshot(where, name, signal) }, sighting)
  const [source, taken, copied] = await Promise.all([
    azure.sourceDisk(beside, from.name, signal),
    snapshot(beside, { name: takenSnapshotName(rootUid), failing: 'TakeSnapshot' }),
    snapshot(place, { name: copiedSnapshotName(rootUid), failing: 'CopySnapshot' }),
  ])
  return { source, taken, copied }
}

/** Of an object that has not begun, or whose status speaks of another's resources, as a restored one's does. */
async function heritageOf(
  { holdings, azure, machine, uid, signal }: Sighting,
  { region, subscriptionId }: Place,
): Promise<Heritage | undefined> {
  const { metadata, spec, status } = machine
  if (status?.adoptedFrom !== undefined || (status?.incarnation !== undefined && !speaksOfAnother(machine))) return
  const { namespace = '', name } = metadata
  const heir = { namespace, name, uid, player: metadata.labels?.[PLAYER_LABEL], region, subscriptionId }
  const holding = await holdings.of(heir, signal)
  if (holding === undefined) return

  const { uid: rootUid, place } = holding
  const highest = Math.max(holding.incarnation, status?.incarnation?.number ?? 0)
  const vmOf = async (number: number) =>
    number < 1 ? undefined : await azure.virtualMachine(place, virtualMachineName(rootUid, number), signal)
  const [vm, before, networkInterface, publicIPAddress, osDisk] = await Promise.all([
    vmOf(highest),
    vmOf(highest - 1),
    azure.networkInterface(place, networkInterfaceName(rootUid), signal),
    azure.publicIPAddress(place, publicIPAddressName(rootUid), signal),
    azure.disk(place, osDiskName(rootUid), signal),
  ])
  if ([vm, before, networkInterface, publicIPAddress, osDisk].every(one => one === undefined)) return
  return {
    rootUid,
    // A number that no VM has had, so that no late DELETE hits the one to come; but a predecessor has to be seen.
    number: Math.max(1, vm || before ? highest : highest + 1),
    priority: vm?.priority ?? spec.priority ?? 'Spot',
    resources: {
      ...(vm && { virtualMachine: vm.id }),
      ...(networkInterface && { networkInterface: networkInterface.id }),
      ...(publicIPAddress && { publicIPAddress: publicIPAddress.id }),
      ...(osDisk && { osDisk: osDisk.id }),
    },
  }
}

function speaksOfAnother({ metadata, status }: GpuVm): boolean {
  const { virtualMachine, networkInterface, publicIPAddress, osDisk } = status?.resources ?? {}
  const id = virtualMachine ?? networkInterface ?? publicIPAddress ?? osDisk
  return id !== undefined && !id.toLowerCase().includes(metadata.uid ?? '')
}

/** A Secret that the spec names, or that was there before under our name, is somebody else's, and never ours to delete. */
async function bootstrapSecretExists({ kube, machine, uid, recollection, signal }: Sighting): Promise<boolean> {
  if (machine.spec.bootstrapSecretName !== undefined) return false
  if (recollection.hasBootstrapSecret !== undefined && !isLeaving(machine)) return recollection.hasBootstrapSecret
  const { namespace, name } = machine.metadata
  const secret = await kube.get(secrets, { namespace, name }, { signal })
  recollection.hasBootstrapSecret = secret !== undefined
  if (!isLeaving(machine)) return secret !== undefined
  return secret?.metadata.ownerReferences?.some(owner => owner.uid === uid) ?? false
}

/** What a machine stands on; a pass whose call got no answer has seen it, and could not write it down. */
function isOnRecord({ status }: GpuVm): boolean {
  const { networkInterface, publicIPAddress, osDisk } = status?.resources ?? {}
  return status?.publicIP !== undefined && !!networkInterface && !!publicIPAddress && !!osDisk
}

function isAdopted({ status }: GpuVm): boolean {
  return status?.incarnation?.reason === 'Adopted'
}

/** Once the present incarnation was seen, its predecessor is gone: it is made only after that. */
function mayHavePredecessor(machine: GpuVm): boolean {
  return machine.status?.vmId === undefined || isLeaving(machine)
}

async function operationState({ azure, machine, signal }: Sighting, place: Place): Promise<OperationState | undefined> {
  const poller = machine.status?.operation?.poller
  return poller === undefined ? undefined : await azure.operation(place.subscriptionId, poller, signal)
}

/**
 * Where the object's resources are: the catalogue says where they are to be, their own ids where they were made.
 * The ids rule, so that a changed catalogue never strands a machine.
 */
export function placeOf(machine: GpuVm, catalogue: Catalogue): Place | undefined {
  const { region } = machine.spec
  const { virtualMachine, networkInterface, publicIPAddress } = machine.status?.resources ?? {}
  const id = virtualMachine ?? networkInterface ?? publicIPAddress
  const [, subscriptionId, resourceGroup] = /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\//i.exec(id ?? '') ?? []
  if (subscriptionId && resourceGroup) return { subscriptionId, resourceGroup, region }

  const configured = catalogue.regions[region]
  return configured && { subscriptionId: configured.subscriptionId, resourceGroup: configured.resourceGroup, region }
}
