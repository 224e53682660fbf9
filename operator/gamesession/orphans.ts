// Gives up the machines of a session that is gone without having given them up itself: its finalizer was taken off by
// hand, or a backup brought back the one without the other. No garbage collector is needed for it. A backup may bring
// the session back a little later, and then the machine is left to that one; so it is waited for.
import { gameSessions } from '../../crds/types/gamesession.ts'
import { gpuVms } from '../../crds/types/gpuvm.ts'
import type { ReconcileResult } from '../../lib/kube/controller.ts'
import { keyOf, type ObjectReference, referenceOf } from '../../lib/kube/resource.ts'
import type { Outside } from './controller.ts'
import { OWNER_NAME_INDEX } from './observe.ts'

export type Orphanage = (key: ObjectReference, signal: AbortSignal) => Promise<ReconcileResult>

/** For a key without a session. When each machine was first seen without one is lost at a restart: that adds to the grace. */
export function orphanage(
  outside: Pick<Outside, 'machines' | 'hands' | 'recorder' | 'runtime' | 'orphanGraceSeconds'>,
): Orphanage {
  const { machines, hands, recorder, runtime, orphanGraceSeconds } = outside
  const since = new Map<string, number>()
  machines.onChange(({ type, object }) => {
    if (type === 'Deleted') since.delete(object.metadata.uid ?? '')
  })

  return async (key, signal) => {
    const orphans = machines.store
      .byIndex(OWNER_NAME_INDEX, keyOf(key))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const now = runtime.clock.monotonic() / 1000
    let leftSeconds = Number.POSITIVE_INFINITY
    for (const machine of orphans) {
      const { uid = '', name } = machine.metadata
      const first = since.get(uid) ?? now
      since.set(uid, first)
      const left = first + orphanGraceSeconds - now
      if (left > 0) leftSeconds = Math.min(leftSeconds, left)
      // Asked live: a store may be behind.
      else if ((await hands.client.get(gameSessions, key, { signal })) === undefined) {
        await hands.client.delete(gpuVms, referenceOf(machine), { uid, signal })
        const note = `Its GameSession ${key.name} is gone; nobody plays it, and it is given back.`
        recorder.event(machine, { type: 'Warning', reason: 'SessionGone', action: 'Delete', note })
        runtime.log.warn({ ...key, machine: name }, 'Deleted a machine whose session is gone')
      }
    }
    return Number.isFinite(leftSeconds) ? { requeueAfterSeconds: leftSeconds } : {}
  }
}
