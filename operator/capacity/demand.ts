// What one machine takes of a region's quotas. Spot has a pool of cores of its own; on-demand counts against its
// size's family and the region's total. https://learn.microsoft.com/azure/virtual-machines/quotas
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Place } from './refusals.ts'

export const REGULAR_CORES = 'cores'
export const SPOT_CORES = 'lowPriorityCores'
/** Every machine has one static address of the Standard kind; Azure counts it under all three names. */
export const ADDRESSES = ['PublicIPAddresses', 'StandardSkuPublicIpAddresses', 'StaticPublicIPAddresses'] as const

export interface Demand {
  /** As Azure's usages list names it. */
  quota: string
  amount: number
}

/** Nothing of cores for a size that the catalogue does not describe. */
export function demandOf({ size, priority }: Place, { sizes }: Catalogue): Demand[] {
  const counted = ['virtualMachines', ...ADDRESSES].map(quota => ({ quota, amount: 1 }))
  return [...coreDemandOf({ size, priority }, { sizes }), ...counted]
}

export function coreDemandOf(
  { size, priority }: Pick<Place, 'size' | 'priority'>,
  { sizes }: Pick<Catalogue, 'sizes'>,
): Demand[] {
  const { vcpus: amount, family } = sizes[size] ?? {}
  if (amount === undefined || family === undefined) return []
  if (priority === 'Spot') return [{ quota: SPOT_CORES, amount }]
  return [
    { quota: family, amount },
    { quota: REGULAR_CORES, amount },
  ]
}
