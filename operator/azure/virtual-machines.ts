// A VM in ARM's words and in ours.
import type { InstanceViewStatus, VirtualMachine } from '@azure/arm-compute'
import { zoneOf } from '../../crds/catalogue.ts'
import { UID_TAG } from './names.ts'
import type { PowerState, ProvisioningState, VirtualMachineRequest, VirtualMachineSeen } from './provider.ts'

export function virtualMachineSeen(machine: VirtualMachine): VirtualMachineSeen {
  const statuses = machine.instanceView?.statuses ?? []
  const power = statuses.find(({ code }) => code?.startsWith('PowerState/'))
  return {
    id: machine.id ?? '',
    ownerUid: machine.tags?.[UID_TAG],
    vmId: machine.vmId ?? '',
    size: machine.hardwareProfile?.vmSize ?? '',
    zone: zoneOf(machine.zones?.[0]),
    priority: machine.priority === 'Spot' ? 'Spot' : 'Regular',
    provisioningState: provisioningState(machine.provisioningState),
    powerState: powerState(statuses),
    powerStateAt: power?.time,
    provisionedAt: statuses.find(({ code }) => code?.startsWith('ProvisioningState/'))?.time,
    agent: agentOf(machine.instanceView?.vmAgent?.statuses?.[0]),
    failure: failureOf(statuses),
    disks: disksOf(machine),
  }
}

function disksOf({ storageProfile }: VirtualMachine): VirtualMachineSeen['disks'] {
  const { osDisk, dataDisks = [] } = storageProfile ?? {}
  return [osDisk, ...dataDisks].flatMap(disk => {
    const [name, id] = [disk?.name, disk?.managedDisk?.id]
    return name === undefined || id === undefined ? [] : [{ name, id }]
  })
}

const powerStates: Record<string, PowerState> = {
  starting: 'Starting',
  running: 'Running',
  stopping: 'Stopping',
  stopped: 'Stopped',
  deallocating: 'Deallocating',
  deallocated: 'Deallocated',
}

/** https://learn.microsoft.com/azure/virtual-machines/states-billing; a list sometimes omits it: then it is unknown. */
export function powerState(statuses: InstanceViewStatus[]): PowerState {
  const code = statuses.find(status => status.code?.startsWith('PowerState/'))?.code
  return powerStates[code?.slice('PowerState/'.length).toLowerCase() ?? ''] ?? 'Unknown'
}

/** ARM has more words than these; whatever is not an end is a change under way. */
export function provisioningState(state: string | undefined): ProvisioningState {
  switch (state?.toLowerCase()) {
    case 'succeeded':
      return 'Succeeded'
    case 'failed':
    case 'canceled':
      return 'Failed'
    case 'deleting':
      return 'Deleting'
    case 'creating':
      return 'Creating'
    default:
      return 'Updating'
  }
}

/** https://learn.microsoft.com/troubleshoot/azure/virtual-machines/windows/windows-azure-guest-agent */
function agentOf(status: InstanceViewStatus | undefined): VirtualMachineSeen['agent'] {
  if (status?.displayStatus === undefined) return undefined
  return status.displayStatus === 'Ready' ? 'Ready' : 'NotReady'
}

function failureOf(statuses: InstanceViewStatus[]): VirtualMachineSeen['failure'] {
  const status = statuses.find(({ code }) => code?.startsWith('ProvisioningState/failed/'))
  if (!status?.code) return undefined
  return { code: status.code.split('/')[2] ?? 'Failed', message: status.message ?? '' }
}

/** The PUT of a VM. Everything that an on-demand successor must have alike is written out: Azure's defaults change. */
export function virtualMachineBody(region: string, request: VirtualMachineRequest): VirtualMachine {
  const { osDisk } = request
  const attached = 'attachId' in osDisk
  return {
    location: region,
    tags: request.tags,
    ...(request.zone !== undefined && { zones: [request.zone] }),
    hardwareProfile: { vmSize: request.size },
    // The priority must be explicit at first: a VM made without one can never be given one.
    priority: request.priority,
    ...(request.priority === 'Spot' && { evictionPolicy: 'Deallocate', billingProfile: { maxPrice: -1 } }),
    ...(request.licenseType !== undefined && { licenseType: request.licenseType }),
    securityProfile: securityProfile(request.securityType),
    storageProfile: {
      diskControllerType: request.diskControllerType,
      // An attached disk brings its own image; naming one is refused.
      ...(!attached && { imageReference: { id: osDisk.imageId } }),
      osDisk: {
        name: osDisk.name,
        osType: request.osType,
        createOption: attached ? 'Attach' : 'FromImage',
        caching: 'ReadWrite',
        deleteOption: 'Detach',
        ...(attached
          ? { managedDisk: { id: osDisk.attachId } }
          : { diskSizeGB: osDisk.sizeGiB, managedDisk: { storageAccountType: osDisk.sku } }),
      },
      dataDisks: request.dataDisks.map(disk => ({
        name: disk.name,
        lun: disk.lun,
        createOption: disk.attachId === undefined ? 'Empty' : 'Attach',
        deleteOption: 'Detach',
        ...(disk.attachId === undefined
          ? { diskSizeGB: disk.sizeGiB, managedDisk: { storageAccountType: disk.sku } }
          : { managedDisk: { id: disk.attachId } }),
      })),
    },
    networkProfile: { networkInterfaces: [{ id: request.networkInterfaceId, primary: true, deleteOption: 'Detach' }] },
  }
}

function securityProfile(
  securityType: VirtualMachineRequest['securityType'],
): NonNullable<VirtualMachine['securityProfile']> {
  if (securityType === 'Standard') return { securityType: 'Standard' }
  return { securityType, uefiSettings: { secureBootEnabled: true, vTpmEnabled: true } }
}
