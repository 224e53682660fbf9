// A machine's disks: made from an image, made empty, or attached; let go or deleted when the machine goes.
// https://learn.microsoft.com/azure/virtual-machines/delete
import { computeId, newDisk } from './disks.ts'
import { ArmError, missingParameter, parameterNotAllowed } from './errors.ts'
import { resourceGroupOf, sameId } from './ids.ts'
import { imageNamed, marketplaceId } from './images.ts'
import type { DataDisk, ImageReference, MachineProperties, OsDisk } from './shapes.ts'
import type { Disk, Machine, World } from './state.ts'
import { find } from './state.ts'
import { checkOsProfile } from './virtual-machine-checks.ts'
import { disksOf } from './virtual-machine-view.ts'
import { checkDiskZone, zonesOfDisk } from './zones.ts'

/** Gigabytes of a system disk when nobody says how many. */
const IMAGE_SIZE = { Windows: 127, Linux: 30 } as const

export interface DiskWish {
  machineId: string
  machineName: string
  location: string
  zones: readonly string[] | undefined
  tags: Record<string, string> | undefined
  properties: MachineProperties
}

/** What will be done about one disk, once all is checked. Applying it gives the profile as Azure completes it. */
export interface DiskPlan<Profile> {
  apply: () => Profile
}

export function planOsDisk(world: World, wish: DiskWish): DiskPlan<OsDisk> {
  const { storageProfile } = wish.properties
  const osDisk = storageProfile?.osDisk
  if (storageProfile === undefined || osDisk === undefined) throw missingParameter('storageProfile.osDisk')
  if (osDisk.diffDiskSettings !== undefined) {
    throw new ArmError(400, 'NotSupported', 'The simulator has no ephemeral OS disks: leave out diffDiskSettings.')
  }
  switch (osDisk.createOption) {
    case 'FromImage':
      return fromImage(world, wish, osDisk, storageProfile.imageReference)
    case 'Attach':
      return attached(world, wish, osDisk, storageProfile.imageReference)
    default: {
      const message = `The OS disk's createOption has to be FromImage or Attach, not ${osDisk.createOption}.`
      throw new ArmError(400, 'InvalidParameter', message, { target: 'osDisk.createOption' })
    }
  }
}

function fromImage(world: World, wish: DiskWish, osDisk: OsDisk, image: ImageReference | undefined): DiskPlan<OsDisk> {
  if (image === undefined) throw missingParameter('imageReference')
  const { osType, state } = imageNamed(world, image, wish.location)
  if (state === 'Generalized') checkOsProfile(wish.properties.osProfile, osType)
  else if (wish.properties.osProfile !== undefined) throw parameterNotAllowed('osProfile')
  const group = resourceGroupOf(wish.machineId)
  const name = osDisk.name ?? `${wish.machineName}_OsDisk_1_${world.random.hex(32)}`
  const id = computeId(world, group, 'disks', name)
  checkNameFree(world, id, wish.machineId)
  const security = wish.properties.securityProfile?.securityType
  const diskSizeGB = osDisk.diskSizeGB ?? IMAGE_SIZE[osType]
  const sku = osDisk.managedDisk?.storageAccountType
  const zones = zonesOfDisk(sku, wish.zones, wish.location)
  return {
    apply: () => {
      const kept = find(world.disks, id) // A creation that failed and is asked for again has its disk already.
      const disk =
        kept ??
        newDisk(world, {
          id,
          location: wish.location,
          zones,
          tags: world.settings.osDiskTags === 'inherit' ? wish.tags : undefined,
          sku,
          properties: {
            osType,
            hyperVGeneration: 'V2',
            diskSizeGB,
            creationData: {
              createOption: 'FromImage',
              ...(image.id === undefined
                ? { imageReference: { id: marketplaceId(world, wish.location, image) } }
                : { galleryImageReference: { id: image.id } }),
            },
            ...(security === undefined || security === 'Standard'
              ? {}
              : { securityProfile: { securityType: security } }),
          },
        })
      hold(world, disk, wish.machineId)
      return completed(osDisk, disk, osType)
    },
  }
}

function attached(world: World, wish: DiskWish, osDisk: OsDisk, image: ImageReference | undefined): DiskPlan<OsDisk> {
  if (wish.properties.osProfile !== undefined) throw parameterNotAllowed('osProfile')
  if (image !== undefined) {
    const message = 'Cannot attach an existing OS disk if the VM is created from a platform or user image.'
    throw new ArmError(400, 'InvalidParameter', message, { target: 'osDisk' })
  }
  const osType = osDisk.osType
  if (osType === undefined) throw missingParameter('osDisk.osType')
  const disk = attachable(world, wish, osDisk.managedDisk?.id, 'osDisk.managedDisk.id')
  if (disk.properties.osType === undefined) {
    const message = `Disk ${disk.id} has no operating system and cannot be attached as an OS disk.`
    throw new ArmError(400, 'InvalidParameter', message, { target: 'osDisk.managedDisk.id' })
  }
  const plain = (type: string | undefined) => (type === 'Standard' ? undefined : type)
  if (plain(disk.properties.securityProfile?.securityType) !== plain(wish.properties.securityProfile?.securityType)) {
    throw new ArmError(
      400,
      'BadRequest',
      'Security type of VM is not compatible with the security type of attached OS Disk.',
    )
  }
  return {
    apply: () => {
      hold(world, disk, wish.machineId)
      return completed(osDisk, disk, osType)
    },
  }
}

function completed(osDisk: OsDisk, disk: Disk, osType: string): OsDisk {
  return {
    caching: 'ReadWrite',
    deleteOption: 'Detach',
    ...osDisk,
    osType,
    name: disk.name,
    diskSizeGB: disk.properties.diskSizeGB,
    managedDisk: { ...osDisk.managedDisk, id: disk.id, storageAccountType: disk.sku },
  }
}

/** The data disks of a machine; those that `machine` has already, by their LUN and disk, stay as they are. */
export function planDataDisks(world: World, wish: DiskWish, machine?: Machine): DiskPlan<DataDisk[]> {
  const wanted = (wish.properties.storageProfile?.dataDisks ?? []).filter(disk => disk.toBeDetached !== true)
  const has = machine?.properties.storageProfile?.dataDisks ?? []
  const luns = new Set<number>()
  const plans = wanted.map((disk): DiskPlan<DataDisk> => {
    if (luns.has(disk.lun)) {
      const message = `A disk at LUN ${disk.lun} already exists.`
      throw new ArmError(400, 'InvalidParameter', message, { target: 'dataDisk.lun' })
    }
    luns.add(disk.lun)
    const before = has.find(one => one.lun === disk.lun && isSameDisk(one, disk))
    if (before !== undefined)
      return { apply: () => ({ ...before, ...disk, managedDisk: { ...before.managedDisk, ...disk.managedDisk } }) }
    return disk.createOption === 'Attach' ? attachedData(world, wish, disk) : emptyData(world, wish, disk)
  })
  return {
    apply: () => {
      const profile = plans.map(plan => plan.apply())
      if (machine !== undefined) letGoOthers(world, machine, profile)
      return profile
    },
  }
}

function isSameDisk(before: DataDisk, wanted: DataDisk): boolean {
  if (wanted.managedDisk?.id !== undefined) return sameId(before.managedDisk?.id, wanted.managedDisk.id)
  return wanted.name === undefined || sameId(before.name, wanted.name)
}

function attachedData(world: World, wish: DiskWish, wanted: DataDisk): DiskPlan<DataDisk> {
  const disk = attachable(world, wish, wanted.managedDisk?.id, 'dataDisk.managedDisk.id')
  return { apply: () => completedData(world, wish, wanted, disk) }
}

function emptyData(world: World, wish: DiskWish, wanted: DataDisk): DiskPlan<DataDisk> {
  if (wanted.createOption !== 'Empty') {
    throw new ArmError(
      400,
      'NotSupported',
      `The simulator makes data disks with createOption Empty or Attach, not ${wanted.createOption}.`,
    )
  }
  if (wanted.diskSizeGB === undefined) throw missingParameter('dataDisk.diskSizeGB')
  const { diskSizeGB } = wanted
  const name = wanted.name ?? `${wish.machineName}_DataDisk_${wanted.lun}`
  const id = computeId(world, resourceGroupOf(wish.machineId), 'disks', name)
  checkNameFree(world, id, wish.machineId)
  const zones = zonesOfDisk(wanted.managedDisk?.storageAccountType, wish.zones, wish.location)
  return {
    apply: () => {
      const disk =
        find(world.disks, id) ??
        newDisk(world, {
          id,
          location: wish.location,
          zones,
          tags: world.settings.osDiskTags === 'inherit' ? wish.tags : undefined,
          sku: wanted.managedDisk?.storageAccountType,
          properties: { diskSizeGB, creationData: { createOption: 'Empty' } },
        })
      return completedData(world, wish, wanted, disk)
    },
  }
}

function completedData(world: World, wish: DiskWish, wanted: DataDisk, disk: Disk): DataDisk {
  hold(world, disk, wish.machineId)
  return {
    caching: 'None',
    deleteOption: 'Detach',
    toBeDetached: false,
    ...wanted,
    name: disk.name,
    diskSizeGB: disk.properties.diskSizeGB,
    managedDisk: { ...wanted.managedDisk, id: disk.id, storageAccountType: disk.sku },
  }
}

function checkNameFree(world: World, id: string, machineId: string): void {
  const existing = find(world.disks, id)
  if (existing === undefined || sameId(existing.managedBy, machineId)) return
  const message = `Disk ${existing.name} already exists in resource group ${resourceGroupOf(id).toUpperCase()}. Only CreateOption.Attach is supported.`
  throw new ArmError(409, 'ConflictingUserInput', message, {
    target: existing.managedBy === undefined ? 'disk' : 'osDisk',
  })
}

/** The disk, if it can be attached to that machine now. */
function attachable(world: World, wish: DiskWish, id: string | undefined, parameter: string): Disk {
  if (id === undefined) throw missingParameter(parameter)
  const disk = find(world.disks, id)
  if (disk === undefined) throw new ArmError(404, 'NotFound', `Disk ${id} is not found.`, { target: parameter })
  if (disk.location !== wish.location) {
    const message = `Disk ${id} is in location '${disk.location}', the VM in '${wish.location}': they have to be in the same.`
    throw new ArmError(400, 'InvalidParameter', message, { target: parameter })
  }
  checkDiskZone(disk, wish.zones, parameter)
  if (disk.managedBy !== undefined && !sameId(disk.managedBy, wish.machineId)) throw held(world, disk, wish.machineName)
  if (disk.provisioningState !== 'Succeeded') {
    const message = `Disk ${id} is in provisioning state ${disk.provisioningState} and cannot be attached yet.`
    throw new ArmError(409, 'Conflict', message, { target: parameter })
  }
  return disk
}

function held(world: World, disk: Disk, machineName: string): ArmError {
  if (find(world.machines, disk.managedBy)?.provisioningState === 'Deleting') {
    const message = `Cannot attach data disk '${disk.name}' to virtual machine '${machineName}' because the disk is currently being detached or the last detach operation failed. Please wait until the disk is completely detached and then try again or delete/detach the disk explicitly again.`
    return new ArmError(409, 'AttachDiskWhileBeingDetached', message)
  }
  const message = `Disk '${disk.id}' cannot be attached as the disk is already owned by VM '${disk.managedBy}'.`
  return new ArmError(409, 'ConflictingUserInput', message)
}

function hold(world: World, disk: Disk, machineId: string): void {
  if (sameId(disk.managedBy, machineId)) return
  disk.managedBy = machineId
  world.disks.changed(disk)
  disk.ownershipChangedAt = world.now
  disk.revision += 1
}

function letGo(world: World, disk: Disk): void {
  disk.managedBy = undefined
  world.disks.changed(disk)
  disk.ownershipChangedAt = world.now
  disk.revision += 1
}

function letGoOthers(world: World, machine: Machine, keep: readonly DataDisk[]): void {
  const osDiskId = machine.properties.storageProfile?.osDisk?.managedDisk?.id
  for (const disk of disksOf(world, machine)) {
    if (sameId(disk.id, osDiskId) || keep.some(one => sameId(one.managedDisk?.id, disk.id))) continue
    letGo(world, disk)
  }
}

/** Lets go or deletes all disks of a machine that is gone, as each one's deleteOption says. */
export function releaseDisks(world: World, machine: Machine): void {
  const { osDisk, dataDisks = [] } = machine.properties.storageProfile ?? {}
  for (const disk of disksOf(world, machine)) {
    const profile = [osDisk, ...dataDisks].find(one => sameId(one?.managedDisk?.id, disk.id))
    if (profile?.deleteOption === 'Delete') world.disks.delete(disk.id)
    else letGo(world, disk)
  }
}

/** The moment at which the disks' machine was started or deallocated. */
export function touchDisks(world: World, machine: Machine): void {
  for (const disk of disksOf(world, machine)) disk.ownershipChangedAt = world.now
}
