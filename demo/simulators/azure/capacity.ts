// What Azure has left and what the subscription may take. Quota and SkuNotAvailable refuse the request at once; hardware
// that is not there is found out late, by the long-running operation.
// https://learn.microsoft.com/azure/virtual-machines/quotas and https://aka.ms/allocation-guidance
import { ArmError, type Failure } from './errors.ts'
import { sizeNamed } from './sizes.ts'
import type { Capacity, Machine, Placement, Priority, World } from './state.ts'

/** Quotas of a subscription that was given generous ones. */
const DEFAULT_LIMITS: Readonly<Record<string, number>> = {
  virtualMachines: 25_000,
  PublicIPAddresses: 1000,
  StandardSkuPublicIpAddresses: 1000,
  StaticPublicIPAddresses: 1000,
  NetworkInterfaces: 65_536,
  NetworkSecurityGroups: 5000,
  VirtualNetworks: 1000,
}
const DEFAULT_CORES = 1000

export const CORES = 'cores'
export const SPOT_CORES = 'lowPriorityCores'

export function quotaKey(region: string, name: string): string {
  return `${region}/${name}`.toLowerCase()
}

export function placementKey({ region, zone, size, priority }: Placement): string {
  return [region, ...(zone === undefined ? [] : [zone]), size, priority].join('/').toLowerCase()
}

/** What was said of the zone counts before what was said of its region. */
function capacityOf(world: World, placement: Placement): Capacity | undefined {
  return (
    world.capacity.get(placementKey(placement)) ?? world.capacity.get(placementKey({ ...placement, zone: undefined }))
  )
}

export function limitOf(world: World, region: string, name: string): number {
  const set = world.quotas.get(quotaKey(region, name)) ?? world.quotas.get(quotaKey('*', name))
  return set ?? DEFAULT_LIMITS[name] ?? DEFAULT_CORES
}

/**
 * A machine's vCPUs count from its creation to its deletion, deallocated or not. What counts is decided by region, size
 * and priority alone.
 */
export function coresUsed(world: World, region: string, counts: (machine: Machine) => boolean): number {
  let sum = 0
  for (const alike of world.machines.groups('kind')) {
    const [machine] = alike
    if (machine?.location === region && counts(machine)) sum += alike.size * (sizeOf(machine)?.vCPUs ?? 0)
  }
  return sum
}

export function sizeOf(machine: Machine) {
  return sizeNamed(machine.properties.hardwareProfile?.vmSize ?? '')
}

export function priorityOf(machine: { properties: { priority?: string | undefined } }): Priority {
  return machine.properties.priority === 'Spot' ? 'Spot' : 'Regular'
}

export const isSpot = (machine: Machine) => priorityOf(machine) === 'Spot'

/** Throws when one more machine of that kind, in place of `instead`, is more than the subscription may have. */
export function checkCoreQuota(world: World, { region, size, priority }: Placement, instead?: Machine): void {
  const wanted = sizeNamed(size)
  if (wanted === undefined) return
  const others = (counts: (machine: Machine) => boolean) => {
    const own = instead !== undefined && counts(instead) ? (sizeOf(instead)?.vCPUs ?? 0) : 0
    return coresUsed(world, region, counts) - own
  }
  const check = (name: string, shown: string, used: number) => {
    const limit = limitOf(world, region, name)
    const current = used + (instead === undefined ? 0 : (sizeOf(instead)?.vCPUs ?? 0))
    if (used + wanted.vCPUs <= limit) return
    const message = [
      `Operation could not be completed as it results in exceeding approved ${shown} quota.`,
      `Additional details - Deployment Model: Resource Manager, Location: ${region}, Current Limit: ${limit}, Current Usage: ${current}, Additional Required: ${used + wanted.vCPUs - current}, (Minimum) New Limit Required: ${used + wanted.vCPUs}.`,
      'Setup Alerts when Quota reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting .',
      'Submit a request for Quota increase at https://aka.ms/ProdportalCRP by specifying parameters listed in the ‘Details’ section for deployment to succeed.',
      'Please read more about quota limits at https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests',
    ].join(' ')
    throw new ArmError(409, 'OperationNotAllowed', message)
  }
  if (priority === 'Spot') {
    check(SPOT_CORES, 'LowPriorityCores', others(isSpot))
    return
  }
  const regular = (machine: Machine) => !isSpot(machine)
  const family = `${wanted.family.replace(/\s*Family$/, '')}Family`
  check(
    wanted.family,
    `${lowerFirst(family)} Cores`,
    others(one => regular(one) && sizeOf(one)?.family === wanted.family),
  )
  check(CORES, 'Total Regional Cores', others(regular))
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

export function checkPublicIpQuota(world: World, region: string): void {
  const used = world.publicIps.count('region', region)
  const names = ['PublicIPAddresses', 'StandardSkuPublicIpAddresses', 'StaticPublicIPAddresses']
  const limit = Math.min(...names.map(name => limitOf(world, region, name)))
  if (used < limit) return
  const message = `Cannot create more than ${limit} public IP addresses for this subscription in this region.`
  throw new ArmError(400, 'PublicIPCountLimitReached', message)
}

/**
 * Finds hardware for one machine: takes it and answers nothing, or answers how the operation will fail. Throws when Azure
 * says at once that the size is not to be had.
 */
export function place(world: World, wish: Placement): Failure | undefined {
  const capacity = capacityOf(world, wish)
  if (capacity?.available === undefined) return undefined
  if (capacity.available > 0) {
    capacity.available -= 1
    return undefined
  }
  const refusal = capacity.refusal ?? usualRefusal(wish)
  if (refusal === 'SkuNotAvailable') throw skuNotAvailable(world, wish)
  return { code: refusal, message: allocationMessages[refusal] ?? 'Allocation failed.' }
}

export function release(world: World, placement: Placement | undefined): void {
  const capacity = placement === undefined ? undefined : capacityOf(world, placement)
  if (capacity?.available !== undefined) capacity.available += 1
}

function usualRefusal({ priority, zone }: Placement): string {
  if (priority === 'Regular') return zone === undefined ? 'AllocationFailed' : 'ZonalAllocationFailed'
  return zone === undefined ? 'OverconstrainedAllocationRequest' : 'OverconstrainedZonalAllocationRequest'
}

const guidance = 'Read more about improving likelihood of allocation success at http://aka.ms/allocation-guidance'
const constraints =
  'Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too restrictive. Please remove some constraints and try again. Constraints applied are:\n'

export const allocationMessages: Readonly<Record<string, string>> = {
  AllocationFailed: `Allocation failed. We do not have sufficient capacity for the requested VM size in this region. ${guidance}`,
  ZonalAllocationFailed: `Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. ${guidance}`,
  OverconstrainedAllocationRequest: `${constraints}  - Low Priority VMs\n  - VM Size`,
  OverconstrainedZonalAllocationRequest: `${constraints}  - Availability Zone\n  - Low Priority VMs\n  - VM Size`,
}

function skuNotAvailable(world: World, { region, zone, size }: Placement): ArmError {
  if (zone !== undefined) {
    const message = `The requested size for resource '${size}' is currently not available in location '${region}' zones '${zone}' for subscription '${world.subscription.id}'. Please try another size or deploy to a different location or zones. See https://aka.ms/azureskunotavailable for details.`
    return new ArmError(409, 'SkuNotAvailable', message)
  }
  const message = `The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: ${size}' is currently not available in location '${region}'. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details.`
  return new ArmError(409, 'SkuNotAvailable', message)
}
