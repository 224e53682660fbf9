// Which installation serves an object. The first operator that takes one on writes its own id onto it, together with
// its finalizer; any other leaves the object alone. So two releases whose namespaces overlap never fight over one.
import type { CallOptions, KubeClient } from '../lib/kube/client.ts'
import { hasFinalizer } from '../lib/kube/finalizers.ts'
import { type KubernetesObject, type Resource, referenceOf } from '../lib/kube/resource.ts'
import type { Logger } from '../lib/telemetry/log.ts'

export const INSTALLATION_ANNOTATION = 'wasd.cloud/installation'

/**
 * Whether another installation serves an object, as its mark says. An object without a mark is whose who first takes it
 * on, or was taken on before there were marks.
 */
export function isAnothers({ metadata }: KubernetesObject, { installationId }: { installationId: string }): boolean {
  return (metadata.annotations?.[INSTALLATION_ANNOTATION] ?? installationId) !== installationId
}

/** The same, and the log is told once of each namespace in which it is so. */
export function strangers({ installationId, log }: { installationId: string; log: Logger }) {
  const told = new Set<string>()
  return (object: KubernetesObject): boolean => {
    if (!isAnothers(object, { installationId })) return false
    const { metadata } = object
    const mark = metadata.annotations?.[INSTALLATION_ANNOTATION]
    const where = `${metadata.namespace} ${mark}`
    if (!told.has(where)) {
      const fields = { namespace: metadata.namespace, name: metadata.name, installation: mark }
      log.warn(fields, 'Another installation serves objects of this namespace; they are left alone')
    }
    told.add(where)
    return true
  }
}

/**
 * The object with our finalizer and our mark, under the version that was read; no request when it has the finalizer
 * already. Throws `Conflict` when `object` is old: another may have taken it on meanwhile.
 */
export async function claimed<T extends KubernetesObject>(
  client: KubeClient,
  resource: Resource<T>,
  object: T,
  { finalizer, installationId, ...options }: CallOptions & { finalizer: string; installationId: string },
): Promise<T> {
  if (hasFinalizer(object, finalizer)) return object
  const { uid, resourceVersion, finalizers = [] } = object.metadata
  const annotations = { [INSTALLATION_ANNOTATION]: installationId }
  const metadata = { uid, resourceVersion, finalizers: [...finalizers, finalizer], annotations }
  return await client.mergePatch(resource, referenceOf(object), { metadata }, options)
}
