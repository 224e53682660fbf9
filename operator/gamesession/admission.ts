// Remembers for a while that the API server admits no machine for a session, so that the session waits and says why: a
// quota of the namespace, a policy. Lost at a restart, which costs one more request.
import type { KubeError } from '../../lib/kube/errors.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Explanation } from './decision.ts'

/** Seconds until it is asked again. */
export const ASK_AGAIN_SECONDS = 10

export interface Admission {
  /** Why no machine is admitted for the session of this UID; `undefined` when it may be asked again. */
  refusalOf(uid: string): Explanation | undefined
  refused(uid: string, error: KubeError): void
  forget(uid: string): void
}

export function admission(clock: Pick<Clock, 'monotonic'>): Admission {
  const refusals = new Map<string, { explanation: Explanation; at: number }>()
  return {
    refusalOf(uid) {
      const refusal = refusals.get(uid)
      if (refusal === undefined || clock.monotonic() - refusal.at >= ASK_AGAIN_SECONDS * 1000) return undefined
      return refusal.explanation
    },
    refused: (uid, error) => void refusals.set(uid, { explanation: explain(error), at: clock.monotonic() }),
    forget: uid => void refusals.delete(uid),
  }
}

/** Reasons under which a session waits for the API server to admit its machine. */
export const ADMISSION_REASONS: readonly string[] = ['QuotaExceeded', 'MachineForbidden']

/** https://kubernetes.io/docs/concepts/policy/resource-quotas */
function explain({ message }: KubeError): Explanation {
  const isQuota = /exceeded quota: /.test(message)
  const what = isQuota ? 'The quota of the namespace admits no further GpuVm' : 'The API server admits no GpuVm'
  return {
    reason: isQuota ? 'QuotaExceeded' : 'MachineForbidden',
    message: `${what}: ${message} The session waits, uncharged.`,
  }
}
