// Where lives can be played at the same time: nobody shares a size of a region, so that each may spoil its own capacity.
import type { Catalogue, Zone } from '../../crds/catalogue.ts'

export interface Place {
  region: string
  resourceGroup: string
  subscriptionId: string
  /** Two of one driver class. */
  sizes: [string, string]
  /** Absent where the region is not used by zones. */
  zones?: readonly Zone[] | undefined
}

const sizes: [string, string][] = [
  ['Standard_NV12ads_A10_v5', 'Standard_NV6ads_A10_v5'],
  ['Standard_NC8as_T4_v3', 'Standard_NC16as_T4_v3'],
  ['Standard_NV36ads_A10_v5', 'Standard_NC4as_T4_v3'],
]

/** Of the tier that is played these sizes alone are to be had; the first is played on first. */
export function withSizes(catalogue: Catalogue, sizes: string[]): Catalogue {
  const { standard } = catalogue.tiers
  if (standard === undefined) throw new Error('The catalogue has no tier to play in.')
  return { ...catalogue, tiers: { standard: { ...standard, sizes } } }
}

export function places({ catalogue }: { catalogue: Catalogue }): Place[] {
  return sizes.flatMap(pair =>
    Object.entries(catalogue.regions).map(([region, { resourceGroup, subscriptionId, zones }]) => ({
      region,
      zones,
      resourceGroup,
      subscriptionId,
      sizes: pair,
    })),
  )
}
