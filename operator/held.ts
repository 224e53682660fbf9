// What an SRE can put on either kind of object to hold the operator back (`kubectl annotate gs NAME
// wasd.cloud/suspend=`), or to let go of it where Azure can no longer be asked (`wasd.cloud/abandon=`). Their value does
// not matter. docs/kubernetes.md tells when to use which.
import { type Condition, condition, removeCondition, setCondition } from '../lib/kube/conditions.ts'
import type { KubernetesObject } from '../lib/kube/resource.ts'

/** The operator looks and does not act, but for the end of paid time. */
export const SUSPEND_ANNOTATION = 'wasd.cloud/suspend'
/** On an object that is to go: what Azure cannot be asked to give up is left behind. */
export const ABANDON_ANNOTATION = 'wasd.cloud/abandon'

export function isSuspended({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.[SUSPEND_ANNOTATION] !== undefined
}

export function isToBeAbandoned({ metadata }: KubernetesObject): boolean {
  return metadata.annotations?.[ABANDON_ANNOTATION] !== undefined
}

/** `conditions` with `Suspended` in it for exactly as long as the object is. */
export function withSuspension<C extends Condition>(conditions: C[], object: KubernetesObject, now: Date): Condition[] {
  if (!isSuspended(object)) return removeCondition(conditions, 'Suspended')
  const message = `The annotation ${SUSPEND_ANNOTATION} is set: the operator looks and does not act, but for the end of paid time. Remove it to go on.`
  const observedGeneration = object.metadata.generation
  return setCondition(
    conditions,
    { type: 'Suspended', status: 'True', reason: 'Annotated', message, observedGeneration },
    now,
  )
}

/** What was left behind in Azure, in a sentence; `undefined` when nothing was. */
export function leftBehind(conditions: readonly Condition[] | undefined): string | undefined {
  const abandoned = condition(conditions, 'Abandoned')
  return abandoned?.status === 'True' ? abandoned.message : undefined
}
