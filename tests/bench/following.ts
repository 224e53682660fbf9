// All objects of a kind in the benchmark's namespace, as a watch shows them.
import { Registry } from 'prom-client'
import type { KubeClient } from '../../lib/kube/client.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { type Reflector, reflector } from '../../lib/kube/reflector.ts'
import type { KubernetesObject, Resource } from '../../lib/kube/resource.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { NAMESPACE } from './world.ts'

export interface Following<T extends KubernetesObject> {
  seen: Reflector<T>
  end(): Promise<void>
}

export function follow<T extends KubernetesObject>(client: KubeClient, resource: Resource<T>): Following<T> {
  const log = createLogger({ program: 'bench', level: 'silent' })
  const runtime = { clock, random: Math.random, log, metrics: kubeMetrics(new Registry()) }
  const seen = reflector({ runtime, client, resource, namespace: NAMESPACE })
  const stop = new AbortController()
  const watching = seen.run(stop.signal)
  return {
    seen,
    async end() {
      stop.abort()
      await watching
    },
  }
}
