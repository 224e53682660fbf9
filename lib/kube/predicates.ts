// Which changes deserve a look. A controller that writes status and asks for no predicate wakes itself up.
import { isDeepStrictEqual } from 'node:util'
import type { Change } from './reflector.ts'
import type { KubernetesObject } from './resource.ts'

export type Predicate = (change: Change<KubernetesObject>) => boolean

/** The spec, or the wish to be deleted. Not for kinds whose server keeps no generation. */
export const generationChanged: Predicate = modified('generation')
export const annotationsChanged: Predicate = modified('annotations')
export const labelsChanged: Predicate = modified('labels')
/** Somebody may have taken ours off. */
export const finalizersChanged: Predicate = modified('finalizers')

/** Any write at all; false only for what is told again without one. */
export const resourceVersionChanged: Predicate = modified('resourceVersion')

export function anyOf(...predicates: Predicate[]): Predicate {
  return change => predicates.some(predicate => predicate(change))
}

/** What comes and what goes always counts. */
function modified(field: 'generation' | 'annotations' | 'labels' | 'finalizers' | 'resourceVersion'): Predicate {
  return ({ type, old, object }) =>
    type !== 'Modified' || !isDeepStrictEqual(old?.metadata[field], object.metadata[field])
}
