// Which resources have no living owner, and how many of them may go in one round. Pure.
import { KEEP_TAG, NAMESPACE_TAG, UID_TAG } from '../azure/names.ts'
import type { TaggedResource } from '../azure/provider.ts'
import type { Owners } from './owners.ts'

export interface Orphan {
  subscription: string
  resource: TaggedResource
}

/** So many may always go: one machine with all that it holds, twice. */
export const ALWAYS_PERMITTED = 10
/**
 * And so many where the cluster names no owner of ours at all, which is rather a lost cluster than an idle one: one machine. None,
 * where it has shown this process nothing of ours yet: it may be another cluster, or an empty one in place of ours.
 */
export const PERMITTED_WITHOUT_OWNERS = 5

/** In the order in which they go: machines first, then what they held, then what that held. */
export const KINDS: readonly TaggedResource['kind'][] = [
  'virtualMachine',
  'networkInterface',
  'publicIPAddress',
  'networkSecurityGroup',
  'disk',
  'snapshot',
]

/**
 * What carries a UID that nobody living bears, and the snapshots that served: Azure may have failed to delete one after
 * its machine had gone on. A resource of a namespace that is not watched has owners we cannot see.
 */
export function orphansOf(seen: {
  tagged: Orphan[]
  owners: Pick<Owners, 'living' | 'done'>
  namespaces: string[]
}): Orphan[] {
  return seen.tagged.filter(({ resource }) => {
    const uid = resource.tags[UID_TAG]
    const namespace = resource.tags[NAMESPACE_TAG]
    if (uid === undefined || namespace === undefined || isKept(resource)) return false
    if (seen.namespaces.length > 0 && !seen.namespaces.includes(namespace)) return false
    return !isOwned(resource, seen.owners)
  })
}

/** Data alone is a player's to keep: whatever else bears the tag costs, and is of use to nobody. */
function isKept({ kind, tags }: TaggedResource): boolean {
  return (kind === 'disk' || kind === 'snapshot') && tags[KEEP_TAG] !== undefined
}

export function isOwned(
  { kind, tags }: Pick<TaggedResource, 'kind' | 'tags'>,
  { living, done }: Pick<Owners, 'living' | 'done'>,
): boolean {
  const uid = tags[UID_TAG] ?? ''
  return living.has(uid) && !(kind === 'snapshot' && done.has(uid))
}

interface Found {
  ripe: Orphan[]
  tagged: number
  /** Of ours, by `Owners.ours`. */
  owners: number
  /** The cluster shows an object of ours, or has shown one to this process. */
  isShown: boolean
  /** 0 to 1; 1 is the word of a person who has looked. */
  largestShare: number
}

/**
 * What is deleted in this round; `halted` when it would be too much to be true: more than `largestShare` of all that
 * is tagged.
 */
export function sweepable(found: Found): { halted: boolean; delete: Orphan[] } {
  const { ripe } = found
  if (ripe.length > permitted(found)) return { halted: true, delete: [] }
  const sorted = [...ripe].sort((left, right) => KINDS.indexOf(left.resource.kind) - KINDS.indexOf(right.resource.kind))
  return { halted: false, delete: sorted }
}

function permitted({ tagged, owners, isShown, largestShare }: Found): number {
  if (largestShare === 1) return tagged
  if (owners > 0) return Math.max(ALWAYS_PERMITTED, tagged * largestShare)
  return isShown ? PERMITTED_WITHOUT_OWNERS : 0
}
