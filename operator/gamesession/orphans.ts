// Gives up the machines of a session that is gone without having given them up itself: its finalizer was taken off by
// hand, or a backup brought back the one without the other. No garbage collector is needed for it. A machine whose
// session stands again under the same name is left to that one.
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import { keyOf, type ObjectReference, referenceOf } from '../../lib/kube/resource.ts'
import type { Outside } from './controller.ts'
import { OWNER_NAME_INDEX } from './observe.ts'

/** Asked live, before anything is deleted: a store may be behind. */
export async function giveUpOrphans(
  key: ObjectReference,
  { machines, hands, recorder, runtime }: Pick<Outside, 'machines' | 'hands' | 'recorder' | 'runtime'>,
  signal: AbortSignal,
): Promise<Record<string, never>> {
  const orphans = machines.store
    .byIndex(OWNER_NAME_INDEX, keyOf(key))
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (orphans.length === 0 || (await hands.client.get(gameSessions, key, { signal })) !== undefined) return {}

  for (const machine of orphans) {
    const { uid } = machine.metadata
    await hands.client.delete(gpuVms, referenceOf(machine), { uid, signal })
    const note = `Its GameSession ${key.name} is gone; nobody plays it, and it is given back.`
    recorder.event(machine, { type: 'Warning', reason: 'SessionGone', action: 'Delete', note })
    runtime.log.warn({ ...key, machine: machine.metadata.name }, 'Deleted a machine whose session is gone')
  }
  return {}
}
