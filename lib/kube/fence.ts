// A client that stops writing the moment the lease is not ours beyond doubt: also in a process that was stopped for
// longer than its lease and woke up in the middle of a reconcile, before any timer could tell it.
import type { KubeClient } from './client.ts'
import { KubeError } from './errors.ts'

/** The same client, whose writes throw `NotLeading` while `holds` says no. Reads pass. */
export function fenced(client: KubeClient, holds: () => boolean): KubeClient {
  const check = () => {
    if (!holds()) throw new KubeError('NotLeading', 'The lease is not held: another process may be leading.')
  }
  return {
    get: (resource, reference, options) => client.get(resource, reference, options),
    list: (resource, options) => client.list(resource, options),
    watch: (resource, options) => client.watch(resource, options),
    close: () => client.close(),
    create: async (resource, object, options) => {
      check()
      return await client.create(resource, object, options)
    },
    replace: async (resource, object, options) => {
      check()
      return await client.replace(resource, object, options)
    },
    replaceStatus: async (resource, object, options) => {
      check()
      return await client.replaceStatus(resource, object, options)
    },
    mergePatch: async (resource, reference, patch, options) => {
      check()
      return await client.mergePatch(resource, reference, patch, options)
    },
    apply: async (resource, object, options) => {
      check()
      return await client.apply(resource, object, options)
    },
    delete: async (resource, reference, options) => {
      check()
      return await client.delete(resource, reference, options)
    },
  }
}
