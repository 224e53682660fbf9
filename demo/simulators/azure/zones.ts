// Availability zones: what stands in one, what spans all of a region's, and what does not go together.
// https://learn.microsoft.com/azure/reliability/availability-zones-overview,
// https://learn.microsoft.com/azure/virtual-machines/disks-redundancy and
// https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#availability-zone
import { ArmError } from './errors.ts'
import { regionNamed } from './sizes.ts'
import type { Disk, NetworkInterface, World } from './state.ts'
import { find } from './state.ts'

type Zones = readonly string[] | undefined

/**
 * What stands in a zone stands in one that the region has. Of a region without any Network has a code of its own:
 * https://github.com/aztfmod/terraform-azurerm-caf/issues/1744
 */
export function checkZone(zones: Zones, location: string, resource: string): void {
  const [zone, ...more] = zones ?? []
  if (zone === undefined) return
  const supported = regionNamed(location)?.zones ?? []
  if (more.length === 0 && supported.includes(zone)) return
  if (supported.length === 0 && resource.startsWith('Microsoft.Network/')) {
    const none = `The resource '${resource}' does not support availability zones at location '${location}'.`
    throw new ArmError(400, 'LocationNotSupportAvailabilityZones', none)
  }
  const message = `The zone(s) '${zones?.join(',')}' for resource '${resource}' is not supported. The supported zones for location '${location}' are '${supported.join(',')}'`
  throw new ArmError(400, 'InvalidAvailabilityZone', message)
}

/** An address belongs to one zone, to all of them, or to none. */
export function checkAddressZones(zones: Zones, location: string, name: string): void {
  const supported = regionNamed(location)?.zones ?? []
  const isOfAll = supported.length > 0 && supported.every(zone => zones?.includes(zone))
  if (!isOfAll || zones?.length !== supported.length)
    checkZone(zones, location, `Microsoft.Network/publicIPAddresses/${name}`)
}

const isZoneRedundant = (sku: string | undefined) => sku?.endsWith('_ZRS') ?? false

/**
 * A zone-redundant disk is of no zone, and may not be asked for in one. The words are Azure's:
 * https://github.com/Azure/terraform-azurerm-avm-res-compute-virtualmachine/issues/236; its status is not told there.
 */
export function checkRedundancy(sku: string | undefined, zones: Zones): void {
  if (!isZoneRedundant(sku) || (zones ?? []).length === 0) return
  const message = `A disk with sku '${sku}' cannot be created in an availability zone.`
  throw new ArmError(409, 'OperationNotAllowed', message)
}

/**
 * The zones of a new disk, of which `asked` are those of the request or of the machine that it is made for; whether that
 * one is in a zone does not matter to a zone-redundant disk, but whether the region has zones does. Code and target:
 * https://github.com/ansible-collections/azure/issues/792, the list of what is supported:
 * https://github.com/hashicorp/terraform-provider-azurerm/pull/18520
 */
export function zonesOfDisk(sku: string | undefined, asked: Zones, location: string): Zones {
  if (!isZoneRedundant(sku)) return asked
  if ((regionNamed(location)?.zones ?? []).length > 0) return undefined
  const message = `SKU ${sku} is not supported for resource type Disk in this region. Supported SKUs for this region are Premium_LRS,StandardSSD_LRS,Standard_LRS`
  throw new ArmError(400, 'InvalidParameter', message, { target: 'sku' })
}

/** A zone-redundant disk goes with every machine of its region; any other with those of its zone, or of none. */
export function checkDiskZone(disk: Disk, zones: Zones, parameter: string): void {
  const [zone] = zones ?? []
  const [diskZone] = disk.zones ?? []
  if (isZoneRedundant(disk.sku) || zone === diskZone) return
  const why =
    zone !== undefined && diskZone !== undefined
      ? `it is not in the same zone as the VM. VM zone: '${zone}'. Disk zone: '${diskZone}'.`
      : `it is not in zone '${zone ?? ''}'.`
  throw new ArmError(400, 'BadRequest', `Disk ${disk.id} cannot be attached to the VM because ${why}`, {
    target: parameter,
  })
}

/**
 * A machine in a zone takes an address of that zone or of all; one in none takes any. An address of none is told as
 * `Regional` and refused: https://github.com/MicrosoftDocs/azure-docs/issues/64801 and, of a Standard one,
 * https://github.com/MicrosoftDocs/azure-docs/issues/102902. Since 2024 Azure spreads such addresses over all zones by
 * itself; that it takes them for machines in a zone since then is said nowhere.
 */
export function checkAddressesFit(
  world: World,
  nics: readonly NetworkInterface[],
  { machineId, zones }: { machineId: string; zones: Zones },
): void {
  const [zone] = zones ?? []
  if (zone === undefined) return
  for (const { publicIpId } of nics.flatMap(nic => nic.ipConfigurations)) {
    const ip = find(world.publicIps, publicIpId)
    if (ip === undefined || ip.zones?.includes(zone)) continue
    const message = `Compute resource ${machineId} has a zone constraint ${zone} but the PublicIPAddress ${ip.id} used by the compute resource via NetworkInterface or LoadBalancer has a different zone constraint ${ip.zones?.join(', ') ?? 'Regional'}.`
    throw new ArmError(400, 'ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint', message)
  }
}
