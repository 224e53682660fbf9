// An object that was restored from a backup comes back under a new UID, and so does one that was taken out of the
// cluster under our hands. What Azure holds of it is found by the tags of its namespace and name, only for the same
// player, and only while the old UID is nowhere: a name is borne by one object at a time, and this is the one. From
// then on the old names are its names; the tags are written anew, so that whoever sweeps sees whose they are.
import type { Owned, ProvisioningState } from '../azure/provider.ts'
import type { Phase, Seen, TaggedKind, Verdict } from './decision.ts'

export const adoption: Phase = ({ observed }) => {
  const { heritage } = observed
  if (heritage === undefined) return {}
  const message = `Azure holds what this object had under UID ${heritage.rootUid}; it goes on with it.`
  return { step: { do: 'Adopt', heritage }, because: { reason: 'Adopting', message }, requeueAfterSeconds: 0 }
}

export const retagging: Phase = seen => {
  const { uid, settings } = seen
  const isStrange = (one: Tagged) => one.ownerUid !== uid
  if (those(seen, isStrange).length === 0) return {}
  const wait: Verdict = {
    because: { reason: 'Adopting', message: 'What Azure holds of it is tagged with its new UID.' },
    requeueAfterSeconds: settings.operationPollSeconds,
  }
  // What Azure is at work on would be held up by another change.
  const resources = those(seen, one => isStrange(one) && isAtRest(one))
  return resources.length === 0 ? wait : { step: { do: 'Retag', resources }, ...wait }
}

/** Whether all of it bears its tags for good: what Azure is at work on shows them before it has taken them. */
export function isTagged(seen: Seen): boolean {
  return those(seen, one => one.ownerUid !== seen.uid || !isAtRest(one)).length === 0
}

function isAtRest({ provisioningState }: Tagged): boolean {
  return provisioningState === 'Succeeded' || provisioningState === 'Failed'
}

interface Tagged extends Owned {
  provisioningState: ProvisioningState
}

/** What an object that took up another's resources holds, and is so. */
function those({ machine, observed }: Seen, is: (one: Tagged) => boolean): TaggedKind[] {
  if (machine.status?.adoptedFrom === undefined) return []
  const isOne = (one: Tagged | undefined) => one !== undefined && is(one)
  const kinds = ['virtualMachine', 'networkInterface', 'publicIPAddress', 'networkSecurityGroup', 'osDisk'] as const
  const single = kinds.filter(kind => isOne(observed[kind])).map(kind => ({ kind }))
  const disks = (machine.spec.disks.data ?? []).flatMap(({ name }, index) =>
    isOne(observed.dataDisks[index]) ? [{ kind: 'dataDisk' as const, name }] : [],
  )
  return [...single, ...disks]
}
