// Lets go of an object that is to go, where a person has said so (`wasd.cloud/abandon`) and Azure can no longer be asked.
// What may still stand there is on record and told before the finalizer goes. A machine of a session is let go by that
// one (operator/gamesession/abandonment.ts), when it has taken note itself.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { ReconcileResult } from '../../lib/kube/controller.ts'
import { removeFinalizer } from '../../lib/kube/finalizers.ts'
import { isSilence, isTurnedAway } from '../azure/reach.ts'
import { ABANDON_ANNOTATION, isToBeAbandoned, leftBehind } from '../held.ts'
import type { Inside } from './controller.ts'
import { type Explanation, isLeaving, rootUidOf, type Seen } from './decision.ts'
import type { Hindrance } from './hindrance.ts'
import { FINALIZER } from './perform.ts'
import { record } from './record.ts'

/** Seconds until the next look at a machine that its session is to let go. */
const LOOK_SECONDS = 30

/** Whether a person wants it gone without Azure's consent. */
export function isAbandoned(machine: GpuVm): boolean {
  return isLeaving(machine) && isToBeAbandoned(machine)
}

/** As the condition `Abandoned` and the event say it. */
export function abandonment(machine: GpuVm, code: string): Explanation {
  const { uid } = machine.metadata
  const ids = idsOnRecord(machine)
  const names = ids.map(id => id.split('/').at(-1)).join(', ') || 'nothing that is on record'
  const [group] = /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+/i.exec(ids[0] ?? '') ?? []
  const place = group === undefined ? '' : ` in ${group}`
  const message = `Let go by ${ABANDON_ANNOTATION}, since Azure cannot be asked (${code}). May still stand there${place}: ${names}. All of it is named gvm-${rootUidOf(machine) ?? uid}-… and tagged wasd-uid=${uid}.`
  return { reason: 'LeftBehind', message }
}

/** The session that the machine was made for, while it lives; asked live. */
async function livingOwner(
  { metadata }: GpuVm,
  { kube, signal }: { kube: KubeClient; signal: AbortSignal },
): Promise<GameSession | undefined> {
  const owner = metadata.ownerReferences?.find(({ controller, kind }) => controller === true && kind === 'GameSession')
  if (owner === undefined) return undefined
  const session = await kube.get(gameSessions, { namespace: metadata.namespace, name: owner.name }, { signal })
  return session?.metadata.uid === owner.uid ? session : undefined
}

/** The ids on record of what may still stand in Azure. */
function idsOnRecord({ status }: GpuVm): string[] {
  const { dataDisks = [], ...single } = status?.resources ?? {}
  return [...Object.values(single), ...dataDisks]
}

/** Whether Azure can no longer be asked about this machine: it turned us away, or has been silent for long. */
export function isBeyondReach({ uid, now }: Seen, hindrance: Hindrance, { silences }: Inside): boolean {
  if (hindrance.is === 'Unanswered' && isSilence(hindrance.error)) return silences.isLasting(uid, now)
  silences.broken(uid)
  return hindrance.is === 'Refused' && isTurnedAway(hindrance.refused)
}

/** What is left behind is on record and told first; then the object is let go, by its session where it has one. */
export async function abandon(
  { seen, hindrance }: { seen: Seen; hindrance: Hindrance },
  outside: Inside,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const { machine, uid } = seen
  const { kube, prober } = outside
  if (leftBehind(machine.status?.conditions) === undefined) {
    const abandoned = abandonment(machine, hindrance.code)
    const outcome = { abandoned, ...(hindrance.is === 'Refused' && { refused: hindrance.refused }) }
    await record({ seen, verdict: hindrance.verdict, outcome }, outside, signal)
    return { requeueAfterSeconds: 0 }
  }
  if ((await livingOwner(machine, { kube, signal })) !== undefined) return { requeueAfterSeconds: LOOK_SECONDS }
  await removeFinalizer(kube, gpuVms, machine, FINALIZER, { signal })
  prober.forget(uid)
  return {}
}
