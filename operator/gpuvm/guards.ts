// Whom each machine's own security group was last seen to let in to its probe. The catalogue may come to probe from
// elsewhere while a machine stands, and a stream that nobody can ask looks silent and is not charged for.
import type { CatalogueRegion } from '../../crds/catalogue.ts'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Seen } from './decision.ts'

export interface Guards {
  /** Whether it rests, has no group of its own, or one that was seen to let in the probes of this region. */
  letIn(machine: GpuVm, region: CatalogueRegion | undefined): boolean
  /** Learns from a look at the machine. */
  saw(seen: Pick<Seen, 'uid' | 'observed'>): void
  forget(uid: string): void
}

/** Lost at a restart, after which each machine that has a group of its own is looked at once. */
export function guards(): Guards {
  const known = new Map<string, string>()
  return {
    letIn({ spec, metadata: { uid = '' } }, region) {
      if (spec.powerState !== 'Running' || spec.clientCIDRs === undefined || region === undefined) return true
      return known.get(uid) === textOf(region.probeCIDRs)
    },
    saw({ uid, observed: { networkSecurityGroup: group } }) {
      if (group?.provisioningState === 'Succeeded') known.set(uid, textOf(group.probeCIDRs))
    },
    forget: uid => void known.delete(uid),
  }
}

/** In one order: that of address blocks means nothing. */
export function textOf(blocks: readonly string[]): string {
  return blocks.toSorted().join()
}
