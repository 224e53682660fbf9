// What Azure refuses in a request for a machine before it does anything.
// Spot: https://learn.microsoft.com/azure/virtual-machines/error-codes-spot
import {
  ArmError,
  invalidReference,
  missingParameter,
  parameterNotAllowed,
  propertyChangeNotAllowed,
} from './errors.ts'
import { sameId } from './ids.ts'
import { checkProvisioned } from './network.ts'
import { checkNotReserved } from './network-interfaces.ts'
import { hourlyPrice } from './prices.ts'
import type { MachineProperties } from './shapes.ts'
import { type Size, sizeNamed, sizes } from './sizes.ts'
import type { Machine, NetworkInterface, World } from './state.ts'
import { find } from './state.ts'

export function checkSize(name: string | undefined): Size {
  if (name === undefined) throw missingParameter('vmSize')
  const size = sizeNamed(name)
  if (size !== undefined) return size
  const list = sizes.map(one => one.name).join(',')
  const message = `The value ${name} provided for the VM size is not valid. The valid sizes in the current region are: ${list}. Find out more on the valid VM sizes in each region at https://aka.ms/azure-regions.`
  throw new ArmError(400, 'InvalidParameter', message, { target: 'vmSize' })
}

/** Priority, eviction policy and maximum price have to fit one another. */
export function checkPriority(properties: MachineProperties): void {
  const spot = properties.priority === 'Spot'
  if (properties.priority === 'Low') {
    throw new ArmError(400, 'InvalidParameter', 'The priority Low is not supported for virtual machines. Use Spot.', {
      target: 'priority',
    })
  }
  if (properties.evictionPolicy !== undefined && !spot) {
    throw new ArmError(
      400,
      'EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines',
      'Eviction policy can be set only on Azure Spot Virtual Machines.',
    )
  }
  const maxPrice = properties.billingProfile?.maxPrice
  if (maxPrice === undefined) return
  if (!spot) {
    throw new ArmError(
      400,
      'MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines',
      'Max price is supported only for Azure Spot Virtual Machines.',
    )
  }
  if (maxPrice !== -1 && maxPrice <= 0) {
    const message =
      'Invalid max price value. The only supported values for max price are -1 or a decimal greater than zero. Max price value of -1 indicates the Azure Spot VM will not be evicted for price reasons.'
    throw new ArmError(400, 'MaxPriceValueInvalid', message)
  }
}

/** A spot machine is not placed when Azure asks more than its owner would pay. */
export function checkMaxPrice(world: World, properties: MachineProperties, location: string, operation: string): void {
  const maxPrice = properties.billingProfile?.maxPrice
  const size = properties.hardwareProfile?.vmSize ?? ''
  if (properties.priority !== 'Spot' || maxPrice === undefined || maxPrice === -1) return
  const price = hourlyPrice(world, { region: location, size, priority: 'Spot' })
  if (price === undefined || maxPrice >= price) return
  const message = `Unable to perform operation '${operation}' since the provided max price '${maxPrice} USD' is lower than the current spot price '${price} USD' for Azure Spot VM size '${size}'.`
  throw new ArmError(409, 'SpotPriceGreaterThanProvidedMaxPrice', message)
}

const USER_DATA_BYTES = 65_536
const CUSTOM_DATA_CHARACTERS = 87_380

export function checkUserData(userData: string | undefined): void {
  if (userData === undefined) return
  if (isBase64(userData) && Buffer.from(userData, 'base64').length <= USER_DATA_BYTES) return
  const message = `User data must be in Base64 encoding, with a maximum length of ${USER_DATA_BYTES} bytes when decoded.`
  throw new ArmError(400, 'InvalidParameter', message, { target: 'userData' })
}

/** The operating system's profile, which a machine made from an image must have. */
export function checkOsProfile(profile: MachineProperties['osProfile'], osType: string): void {
  if (profile === undefined) throw missingParameter('osProfile')
  const { computerName, adminUsername, adminPassword, customData, linuxConfiguration } = profile
  if (computerName === undefined) throw missingParameter('osProfile.computerName')
  if (adminUsername === undefined) throw missingParameter('osProfile.adminUsername')
  const windows = osType === 'Windows'
  if (
    windows &&
    (computerName.length > 15 || /^\d+$/.test(computerName) || /[\\/"[\]:|<>+=;,?*@&_ .]/.test(computerName))
  ) {
    const message =
      'Windows computer name cannot be more than 15 characters long, be entirely numeric, or contain the following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . \' " , < > / ?.'
    throw new ArmError(400, 'InvalidParameter', message, { target: 'computerName' })
  }
  if (!windows && computerName.length > 64) {
    throw new ArmError(400, 'InvalidParameter', 'Linux host name cannot exceed 64 characters.', {
      target: 'computerName',
    })
  }
  if (adminPassword === undefined) {
    if (windows || linuxConfiguration?.disablePasswordAuthentication !== true) throw missingParameter('adminPassword')
  } else if (!isComplex(adminPassword)) {
    const message =
      'The supplied password must be between 12-123 characters long and must satisfy at least 3 of password complexity requirements from the following: 1) Contains an uppercase character 2) Contains a lowercase character 3) Contains a numeric digit 4) Contains a special character 5) Control characters are not allowed.'
    throw new ArmError(400, 'InvalidParameter', message, { target: 'adminPassword' })
  }
  if (customData !== undefined && (!isBase64(customData) || customData.length > CUSTOM_DATA_CHARACTERS)) {
    const message = `Custom data in OSProfile must be in Base64 encoding and with a maximum length of ${CUSTOM_DATA_CHARACTERS} characters.`
    throw new ArmError(400, 'InvalidParameter', message, { target: 'customData' })
  }
}

function isComplex(password: string): boolean {
  const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/].filter(kind => kind.test(password)).length
  return password.length >= 12 && password.length <= 123 && kinds >= 3
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

/** The NICs that a request names; throws unless all are there, whole, in the region, and free for this machine. */
export function checkInterfaces(
  world: World,
  { properties, machineId, location }: { properties: MachineProperties; machineId: string; location: string },
): readonly NetworkInterface[] {
  const profile = properties.networkProfile
  if (profile?.networkInterfaceConfigurations !== undefined) {
    throw new ArmError(
      400,
      'NotSupported',
      'The simulator makes no network interfaces inline: name existing ones in networkProfile.networkInterfaces.',
    )
  }
  const references = profile?.networkInterfaces ?? []
  if (references.length === 0) throw missingParameter('networkProfile.networkInterfaces')
  return references.map(({ id }) => {
    if (id === undefined) throw missingParameter('networkProfile.networkInterfaces.id')
    const nic = find(world.networkInterfaces, id)
    if (nic === undefined || nic.location !== location) throw invalidReference(id, machineId)
    if (nic.machineId !== undefined && !sameId(nic.machineId, machineId)) {
      const message = `Network Interface ${nic.id} is used by existing resource ${nic.machineId}. In order to use it, it must be dissociated from the resource.`
      throw new ArmError(400, 'NicInUse', message)
    }
    checkNotReserved(world, nic, machineId)
    checkProvisioned(nic, machineId)
    return nic
  })
}

/** What of a machine can never be changed: how it is read, and how ARM names it. */
const fixed: readonly { name: string; read: (properties: MachineProperties) => unknown }[] = [
  { name: 'evictionPolicy', read: ({ evictionPolicy }) => evictionPolicy },
  { name: 'osDisk.name', read: ({ storageProfile }) => storageProfile?.osDisk?.name },
  { name: 'osDisk.managedDisk.id', read: ({ storageProfile }) => storageProfile?.osDisk?.managedDisk?.id },
  { name: 'osDisk.createOption', read: ({ storageProfile }) => storageProfile?.osDisk?.createOption },
  { name: 'imageReference.id', read: ({ storageProfile }) => storageProfile?.imageReference?.id },
  { name: 'imageReference.sku', read: ({ storageProfile }) => storageProfile?.imageReference?.sku },
  { name: 'osProfile.computerName', read: ({ osProfile }) => osProfile?.computerName },
  { name: 'osProfile.adminUsername', read: ({ osProfile }) => osProfile?.adminUsername },
  { name: 'osProfile.customData', read: ({ osProfile }) => osProfile?.customData },
  { name: 'securityProfile.securityType', read: ({ securityProfile }) => securityProfile?.securityType },
  {
    name: 'networkProfile.networkInterfaces',
    read: ({ networkProfile }) => networkProfile?.networkInterfaces?.map(({ id }) => id?.toLowerCase()).join(),
  },
]

/** Refuses a change of what cannot change; what a request leaves out stays. */
export function checkChange(machine: Machine, next: MachineProperties, zones: readonly string[] | undefined): void {
  const before = machine.properties
  if (next.priority !== undefined && next.priority !== before.priority) {
    if (before.priority !== undefined) throw propertyChangeNotAllowed('priority')
    const message = `The specified priority value '${next.priority}' cannot be applied to the Virtual Machine '${machine.name}' since no priority was specified when the Virtual Machine was created.`
    throw new ArmError(409, 'VMPriorityCannotBeApplied', message)
  }
  for (const { name, read } of fixed) {
    const wanted = read(next)
    const has = name === 'osProfile.customData' ? machine.customData : read(before)
    if (wanted === undefined || String(wanted).toLowerCase() === String(has).toLowerCase()) continue
    if (before.osProfile === undefined && name.startsWith('osProfile.')) throw parameterNotAllowed('osProfile')
    throw propertyChangeNotAllowed(name)
  }
  if (zones !== undefined && zones.join() !== (machine.zones ?? []).join()) throw propertyChangeNotAllowed('zones')
  const maxPrice = next.billingProfile?.maxPrice
  if (maxPrice !== undefined && maxPrice !== before.billingProfile?.maxPrice && machine.placement !== undefined) {
    const message = `Max price change is not allowed when the VM "${machine.name}" is currently allocated. Please deallocate and try again.`
    throw new ArmError(409, 'MaxPriceChangeNotAllowedForAllocatedVMs', message)
  }
}
