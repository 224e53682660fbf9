// What this process has itself seen of one machine's resources, so that a pass reads of Azure only what may have come to
// be different. It is a hint and nothing more. It is lost with the process, but for the address, which the status names.
// What a call may change is forgotten with the call, and all of it when a call fails or gets no answer: the next pass reads everything anew. And what a wrong hint
// leads to is harmless: the PUT of an address or an interface changes nothing where it stands already, a VM's is refused
// where there is one (`If-None-Match: *`) or where what it is to hold is gone. A VM that stands is read whenever something about
// it can be in question, and nothing is given back to Azure by hints but a VM whose successor is on record.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { AzureError, BUDGET_SPENT } from '../azure/errors.ts'
import {
  dataDiskName,
  networkInterfaceName,
  networkSecurityGroupName,
  osDiskName,
  publicIPAddressName,
  virtualMachineName,
} from '../azure/names.ts'
import type {
  Azure,
  DiskSeen,
  NetworkInterfaceSeen,
  NetworkSecurityGroupSeen,
  Place,
  ProvisioningState,
  PublicIPAddressSeen,
  VirtualMachineSeen,
} from '../azure/provider.ts'
import { type Requests, requests } from './requests.ts'

export interface Recollection {
  /**
   * Azure, of which only that is asked what is not known. `isStanding`: a VM that was seen to run is not asked for either,
   * since nothing about it is in question. `predecessor`: nor is this one, once it was seen to stand still, until it was
   * asked to be deleted: its successor is on record, and whatever became of it, it is to go.
   */
  through(azure: Azure, options?: { isStanding?: boolean; predecessor?: string }): Azure
  /** Whether anything was said from memory to be there since `through` was last called. */
  readonly wasUsed: boolean
  /** Whether the object's bootstrap Secret stands, or is to be asked for at least; `undefined` when that is not known. */
  hasBootstrapSecret: boolean | undefined
  /** The address that the status names stands: it is made once, and goes with the object alone. */
  hasAddress(address: { name: string; id: string; address: string; fqdn: string | undefined; ownerUid: string }): void
  /** What Azure has accepted and is at; not forgotten with the rest. */
  readonly requests: Requests
  /** Nothing of the object can be in Azure yet. */
  isNew(machine: { rootUid: string; machine: GpuVm }): void
  /** No VM of this name was ever asked for. */
  isUnmade(virtualMachine: string): void
  /** Azure says that the VM's deletion has ended: its disks are free. */
  isDeleted(virtualMachine: string): void
  forget(): void
}

export interface Recollections {
  of(seen: { uid: string; rootUid: string; machine: GpuVm; now: Date }): Recollection
  forget(uid: string): void
}

/** Of a disk that its machine tells of. Whether somebody keeps it is asked only as the object goes, and then of Azure. */
const AS_USUAL = { isKept: false, provisioningState: 'Succeeded' } as const

/** One for each object, for as long as it is there. */
export function recollections(): Recollections {
  const known = new Map<string, Recollection>()
  /** Whoever worked on objects before us has stopped by then. */
  let began: Date | undefined
  return {
    of({ uid, rootUid, machine, now }) {
      began ??= now
      const found = known.get(uid)
      if (found !== undefined) return found
      const made = recollection()
      known.set(uid, made)
      const { creationTimestamp } = machine.metadata
      const isOurs = creationTimestamp !== undefined && new Date(creationTimestamp) >= began
      if (isOurs && machine.status?.incarnation === undefined) made.isNew({ rootUid, machine })
      const { publicIP: address, fqdn, resources } = machine.status ?? {}
      const { publicIPAddress: id } = resources ?? {}
      const name = publicIPAddressName(rootUid)
      if (address !== undefined && id?.toLowerCase().endsWith(`/${name.toLowerCase()}`))
        made.hasAddress({ name, id, address, fqdn, ownerUid: rootUid })
      return made
    },
    forget: uid => void known.delete(uid),
  }
}

export function recollection(): Recollection {
  const memory = {
    absentMachines: new Set<string>(),
    /** By VM: what it held when it was last looked at. */
    held: new Map<string, VirtualMachineSeen>(),
    /** VMs that were asked to be deleted. */
    doomed: new Set<string>(),
    addresses: new Map<string, PublicIPAddressSeen | undefined>(),
    interfaces: new Map<string, NetworkInterfaceSeen | undefined>(),
    groups: new Map<string, NetworkSecurityGroupSeen | undefined>(),
    disks: new Map<string, DiskSeen | undefined>(),
  }
  let wasUsed = false
  let hasBootstrapSecret: boolean | undefined

  function forget(): void {
    hasBootstrapSecret = undefined
    for (const part of Object.values(memory)) part.clear()
  }

  /** A look that is answered from memory while what is remembered is at rest. */
  function remembered<Seen extends { provisioningState: ProvisioningState }>(
    known: Map<string, Seen | undefined>,
    look: (place: Place, name: string, signal: AbortSignal) => Promise<Seen | undefined>,
  ) {
    return async (place: Place, name: string, signal: AbortSignal): Promise<Seen | undefined> => {
      const seen = known.get(name)
      if (known.has(name) && (seen === undefined || seen.provisioningState === 'Succeeded')) {
        wasUsed ||= seen !== undefined
        return seen
      }
      const found = await look(place, name, signal)
      known.set(name, found)
      return found
    }
  }

  /** Whatever comes of a change, what it touches is not known any more; what was never sent has touched nothing. */
  async function changing<Reply>(call: () => Promise<Reply>, touched: () => void): Promise<Reply> {
    try {
      const reply = await call()
      touched()
      return reply
    } catch (error) {
      if (!(error instanceof AzureError && error.code === BUDGET_SPENT)) forget()
      throw error
    }
  }

  return {
    requests: requests(),
    get wasUsed() {
      return wasUsed
    },
    get hasBootstrapSecret() {
      return hasBootstrapSecret
    },
    set hasBootstrapSecret(is) {
      hasBootstrapSecret = is
    },
    forget,
    hasAddress: ({ name, ...seen }) => void memory.addresses.set(name, { ...seen, provisioningState: 'Succeeded' }),
    isNew({ rootUid, machine }) {
      hasBootstrapSecret = false // One of that name that is there already refuses to be made, and is as good.
      memory.absentMachines.add(virtualMachineName(rootUid, 1))
      memory.addresses.set(publicIPAddressName(rootUid), undefined)
      memory.interfaces.set(networkInterfaceName(rootUid), undefined)
      memory.groups.set(networkSecurityGroupName(rootUid), undefined)
      memory.disks.set(osDiskName(rootUid), undefined)
      for (const { name } of machine.spec.disks.data ?? []) memory.disks.set(dataDiskName(rootUid, name), undefined)
    },
    isUnmade(virtualMachine) {
      memory.absentMachines.add(virtualMachine)
    },
    isDeleted(virtualMachine) {
      memory.absentMachines.add(virtualMachine)
      const { disks = [], ownerUid } = memory.held.get(virtualMachine) ?? {}
      memory.held.delete(virtualMachine)
      for (const disk of disks) memory.disks.set(disk.name, { ...disk, ownerUid, managedBy: undefined, ...AS_USUAL })
    },
    through(azure, { isStanding = false, predecessor } = {}) {
      wasUsed = false
      const { absentMachines, held, doomed, addresses, interfaces, groups, disks } = memory
      return {
        ...azure,
        publicIPAddress: remembered(addresses, azure.publicIPAddress),
        networkInterface: remembered(interfaces, azure.networkInterface),
        networkSecurityGroup: remembered(groups, azure.networkSecurityGroup),
        disk: remembered(disks, azure.disk),
        async virtualMachine(place, name, signal) {
          if (absentMachines.has(name)) return undefined
          const known = held.get(name)
          const isKnown = name === predecessor ? isOver(known) && !doomed.has(name) : isStanding && isUp(known)
          if (isKnown) {
            wasUsed = true
            return known
          }
          const seen = await azure.virtualMachine(place, name, signal)
          if (seen === undefined) {
            absentMachines.add(name)
            disks.clear() // It may have held them, and whoever deleted it did not tell us.
          } else {
            held.set(name, seen)
            for (const disk of seen.disks) {
              const { ownerUid, id: managedBy } = seen
              disks.set(disk.name, { ...disk, ownerUid, managedBy, ...AS_USUAL })
            }
          }
          return seen
        },
        putPublicIPAddress: (place, request, signal) =>
          changing(
            () => azure.putPublicIPAddress(place, request, signal),
            () => addresses.delete(request.name),
          ),
        putNetworkInterface: (place, request, signal) =>
          changing(
            () => azure.putNetworkInterface(place, request, signal),
            () => interfaces.delete(request.name),
          ),
        putNetworkSecurityGroup: (place, request, signal) =>
          changing(
            () => azure.putNetworkSecurityGroup(place, request, signal),
            () => groups.delete(request.name),
          ),
        putDisk: (place, request, signal) =>
          changing(
            () => azure.putDisk(place, request, signal),
            () => disks.delete(request.name),
          ),
        createVirtualMachine: (place, request, signal) =>
          changing(
            () => azure.createVirtualMachine(place, request, signal),
            () => {
              absentMachines.delete(request.name)
              disks.clear()
            },
          ),
        deleteVirtualMachine: (place, name, signal) =>
          changing(
            () => azure.deleteVirtualMachine(place, name, signal),
            () => {
              doomed.add(name)
              disks.clear()
            },
          ),
        startVirtualMachine: (...given) => changing(() => azure.startVirtualMachine(...given), nothing),
        redeployVirtualMachine: (...given) => changing(() => azure.redeployVirtualMachine(...given), nothing),
        deallocateVirtualMachine: (...given) => changing(() => azure.deallocateVirtualMachine(...given), nothing),
        deleteNetworkInterface: (...given) => changing(() => azure.deleteNetworkInterface(...given), forget),
        deletePublicIPAddress: (...given) => changing(() => azure.deletePublicIPAddress(...given), forget),
        deleteNetworkSecurityGroup: (...given) => changing(() => azure.deleteNetworkSecurityGroup(...given), forget),
        deleteDisk: (...given) => changing(() => azure.deleteDisk(...given), forget),
        retag: (...given) => changing(() => azure.retag(...given), forget),
      }
    },
  }
}

function isUp(seen: VirtualMachineSeen | undefined): boolean {
  return seen?.powerState === 'Running' && seen.provisioningState === 'Succeeded'
}

function isOver(seen: VirtualMachineSeen | undefined): boolean {
  return seen?.powerState === 'Deallocated' && seen.provisioningState === 'Succeeded'
}

function nothing(): void {}
