// A client that stops writing the moment the lease is not ours beyond doubt: also in a process that was stopped for
// longer than its lease and woke up in the middle of a reconcile, before any timer could tell it.
import type { KubeClient } from './client.ts'
import { KubeError } from './errors.ts'

/** Throws `NotLeading` while `holds` says no. For whatever else a leader changes: asked when that is about to go out. */
export function permission(holds: () => boolean): () => void {
  return () => {
    if (!holds()) throw new KubeError('NotLeading', 'The lease is not held: another process may be leading.')
  }
}

/** The same client, whose writes throw `NotLeading` while `holds` says no when they are about to go out. Reads pass. */
export function fenced(client: KubeClient, holds: () => boolean): KubeClient {
  const permit = permission(holds)
  return {
    get: (resource, reference, options) => client.get(resource, reference, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    close: () => client.close(),
    create: (resource, object, options) => client.create(resource, object, { ...options, permit }),
    replace: (resource, object, options) => client.replace(resource, object, { ...options, permit }),
    replaceStatus: (resource, object, options) => client.replaceStatus(resource, object, { ...options, permit }),
    mergePatch: (resource, reference, patch, options) =>
      client.mergePatch(resource, reference, patch, { ...options, permit }),
    apply: (resource, object, options) => client.apply(resource, object, { ...options, permit }),
    delete: (resource, reference, options) => client.delete(resource, reference, { ...options, permit }),
  }
}
