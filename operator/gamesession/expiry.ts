// Deletes a failed session when its time to live is over, as `ttlSecondsAfterFinished` asks. Without one it stands
// until somebody mends or deletes it. (A session that has ended expires in ending.ts.)
import { condition } from '../../lib/kube/conditions.ts'
import { isEnding, type Phase, secondsBetween } from './decision.ts'
import { placement } from './placement.ts'
import { recovery } from './recovery.ts'

export const expiry: Phase = seen => {
  const { session, now } = seen
  const { ttlSecondsAfterFinished } = session.spec
  const stalled = condition(session.status?.conditions, 'Stalled')
  if (ttlSecondsAfterFinished === undefined || stalled?.status !== 'True' || isEnding(session)) return {}
  // The record may be older than the remedy.
  if (placement(seen).stalled === undefined && recovery(seen).stalled === undefined) return {}
  const leftSeconds = ttlSecondsAfterFinished - secondsBetween({ from: stalled.lastTransitionTime, to: now })
  return leftSeconds > 0 ? { requeueAfterSeconds: leftSeconds } : { step: { do: 'DeleteSession' } }
}
