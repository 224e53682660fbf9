// Conditions as Kubernetes wants them: one of each type, and a transition time that moves with the status alone.

/** https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  /** PascalCase. */
  reason: string
  message: string
  /** RFC 3339, whole seconds. */
  lastTransitionTime: string
  observedGeneration?: number
}

export interface ConditionChange {
  type: string
  status: Condition['status']
  reason: string
  message: string
  observedGeneration?: number | undefined
}

/** What a schema gives a condition for its time by default: it has been so since nobody knows when. */
const NEVER = '1970-01-01T00:00:00Z'

/** A new list with the condition in its old place, or at the end. `lastTransitionTime` moves only with `status`. */
export function setCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  change: ConditionChange,
  now: Date,
): Condition[] {
  const old = condition(conditions, change.type)
  const { observedGeneration, ...rest } = change
  const stays = old?.status === change.status && old.lastTransitionTime !== NEVER
  const next: Condition = {
    ...rest,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: stays ? old.lastTransitionTime : secondsTime(now),
  }
  if (old === undefined) return [...(conditions ?? []), next]
  return (conditions ?? []).map(each => (each.type === change.type ? next : each))
}

/** A new list without that condition, for those present only while true. */
export function removeCondition<C extends Condition>(conditions: readonly C[] | undefined, type: string): C[] {
  return (conditions ?? []).filter(each => each.type !== type)
}

export function condition<C extends Condition>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find(each => each.type === type)
}

export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return condition(conditions, type)?.status === 'True'
}

/** metav1.Time: no fraction, or what is read back differs from what was written. */
function secondsTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z')
}
