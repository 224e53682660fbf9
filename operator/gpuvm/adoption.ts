// An object that was restored from a backup comes back under a new UID, and so does one that was taken out of the
// cluster under our hands. What Azure holds of it is found by the tags of its namespace and name, only for the same
// player, and only while the old UID is nowhere: a name is borne by one object at a time, and this is the one. From
// then on the old names are its names; the tags are written anew, so that whoever sweeps sees whose they are.
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import type { Owned } from '../azure/provider.ts'
import type { Phase, Seen, TaggedKind } from './decision.ts'

export const adoption: Phase = ({ observed }) => {
  const { heritage } = observed
  if (heritage === undefined) return {}
  const message = `Azure holds what this object had under UID ${heritage.rootUid}; it goes on with it.`
  return { step: { do: 'Adopt', heritage }, because: { reason: 'Adopting', message }, requeueAfterSeconds: 0 }
}

export const retagging: Phase = seen => {
  const resources = strange(seen)
  if (resources.length === 0) return {}
  const because = { reason: 'Adopting', message: 'What Azure holds of it is tagged with its new UID.' }
  return { step: { do: 'Retag', resources }, because, requeueAfterSeconds: seen.settings.operationPollSeconds }
}

/** What is tagged with the UID that the object had before. */
function strange({ machine, uid, observed }: Seen): TaggedKind[] {
  if (machine.status?.adoptedFrom === undefined) return []
  const isStrange = (one: Owned | undefined) => one !== undefined && one.ownerUid !== uid
  const kinds = ['virtualMachine', 'networkInterface', 'publicIPAddress', 'networkSecurityGroup', 'osDisk'] as const
  const single = kinds.filter(kind => isStrange(observed[kind])).map(kind => ({ kind }))
  return [...single, ...strangeDisks(machine, observed.dataDisks, isStrange)]
}

function strangeDisks(
  { spec }: GpuVm,
  disks: readonly (Owned | undefined)[],
  isStrange: (one: Owned | undefined) => boolean,
): TaggedKind[] {
  return (spec.disks.data ?? []).flatMap(({ name }, index) =>
    isStrange(disks[index]) ? [{ kind: 'dataDisk' as const, name }] : [],
  )
}
