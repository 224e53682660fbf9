// The VM that is asked of Azure, from the object, the catalogue's image and the disks that exist.

import { AzureError } from '../azure/errors.ts'
import { dataDiskName, osDiskName } from '../azure/names.ts'
import type { Tags, VirtualMachineRequest } from '../azure/provider.ts'
import type { Seen } from './decision.ts'

export function virtualMachineRequest(seen: Seen, name: string, tags: Tags): VirtualMachineRequest {
  const { machine, rootUid, image, incarnation, observed } = seen
  if (!image)
    throw new AzureError('ImageUnknown', `The catalogue does not know image ${machine.spec.image}.`, { status: 400 })
  const { os, data = [] } = machine.spec.disks
  const osDisk = { name: osDiskName(rootUid), sizeGiB: os.sizeGiB, sku: os.sku }

  return {
    name,
    size: machine.spec.size,
    zone: machine.spec.zone,
    priority: incarnation.priority,
    networkInterfaceId: observed.networkInterface?.id ?? '',
    osDisk: observed.osDisk ? { ...osDisk, attachId: observed.osDisk.id } : { ...osDisk, imageId: image.id },
    dataDisks: data.map((disk, index) => ({
      name: dataDiskName(rootUid, disk.name),
      lun: disk.lun,
      sizeGiB: disk.sizeGiB,
      sku: disk.sku,
      attachId: observed.dataDisks[index]?.id,
    })),
    osType: image.osType,
    securityType: image.securityType,
    licenseType: image.licenseType === 'None' ? undefined : image.licenseType,
    diskControllerType: image.diskControllerType,
    tags,
  }
}
