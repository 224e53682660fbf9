// Finalizers, under optimistic locking: merge-patching a list would otherwise undo what another controller just wrote.
import type { CallOptions, KubeClient } from './client.ts'
import { isKubeError } from './errors.ts'
import { type KubernetesObject, type MetadataPatch, type Resource, referenceOf } from './resource.ts'

export function hasFinalizer(object: KubernetesObject, finalizer: string): boolean {
  return object.metadata.finalizers?.includes(finalizer) ?? false
}

/** The object with the finalizer; no request when it has it already. Throws `Conflict` when `object` is old. */
export async function addFinalizer<T extends KubernetesObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object
  const finalizers = [...(object.metadata.finalizers ?? []), finalizer]
  return await client.mergePatch(resource, referenceOf(object), locked(object, finalizers), options)
}

/**
 * The object without the finalizer, or `undefined` when it is gone altogether. Throws `Conflict` when `object` is
 * old or another one bears its name by now.
 */
export async function removeFinalizer<T extends KubernetesObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<T | undefined> {
  if (!hasFinalizer(object, finalizer)) return object
  const finalizers = object.metadata.finalizers?.filter(name => name !== finalizer) ?? []
  try {
    return await client.mergePatch(resource, referenceOf(object), locked(object, finalizers), options)
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined
    throw error
  }
}

function locked(object: KubernetesObject, finalizers: string[]): MetadataPatch {
  const { uid, resourceVersion } = object.metadata
  return { metadata: { uid, resourceVersion, finalizers } }
}
