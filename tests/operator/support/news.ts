// Tells whoever waits for an object when there is something new of it, and what was told last. Asked by each of them again
// and again, the API server was busy with little else.
import { Registry } from 'prom-client'
import type { KubeClient } from '../../../lib/kube/client.ts'
import { kubeMetrics } from '../../../lib/kube/metrics.ts'
import { reflector } from '../../../lib/kube/reflector.ts'
import {
  type KubernetesObject,
  keyOf,
  type ObjectReference,
  type Resource,
  referenceOf,
} from '../../../lib/kube/resource.ts'
import { systemClock as clock } from '../../../lib/process/clock.ts'
import { createLogger } from '../../../lib/telemetry/log.ts'

export interface News<T extends KubernetesObject> {
  /** Resolves when the object of this name has changed, came or went. */
  of(reference: ObjectReference): Promise<void>
  /** As it was told last. It may be behind: that something has not come about yet is seen by it, that it has is to be asked. */
  last(reference: ObjectReference): T | undefined
  /** All of a namespace, the same way. */
  lastIn(namespace: string): T[]
  /** Whatever was written up to this resource version has been told. */
  readonly version: number
  stop(): Promise<void>
}

/** Of one kind, in all namespaces. */
export async function newsOf<T extends KubernetesObject>(kube: KubeClient, resource: Resource<T>): Promise<News<T>> {
  const awaited = new Map<string, PromiseWithResolvers<void>>()
  const log = createLogger({ program: 'test', level: 'silent' })
  const runtime = { clock, random: Math.random, log, metrics: kubeMetrics(new Registry()) }
  const following = reflector({ runtime, client: kube, resource })
  following.onChange(({ object }) => {
    const key = keyOf(referenceOf(object))
    awaited.get(key)?.resolve()
    awaited.delete(key)
  })
  const ends = new AbortController()
  const run = following.run(ends.signal)
  await following.synced

  return {
    of(reference) {
      const key = keyOf(reference)
      const next = awaited.get(key) ?? Promise.withResolvers<void>()
      awaited.set(key, next)
      return next.promise
    },
    last: reference => following.store.get(reference),
    lastIn: namespace => following.store.list().filter(({ metadata }) => metadata.namespace === namespace),
    get version() {
      return Number(following.store.resourceVersion ?? 0)
    },
    async stop() {
      ends.abort()
      await run
    },
  }
}
