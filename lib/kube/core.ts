// The kinds of Kubernetes itself that a controller meets, with the fields that matter to one.
import { defineResource, type KubernetesObject } from './resource.ts'

export interface Namespace extends KubernetesObject {
  status?: { phase?: 'Active' | 'Terminating' }
}

/** Values are base64. */
export interface Secret extends KubernetesObject {
  type?: string
  data?: Record<string, string>
  stringData?: Record<string, string>
  immutable?: boolean
}

export interface ConfigMap extends KubernetesObject {
  data?: Record<string, string>
  binaryData?: Record<string, string>
  immutable?: boolean
}

/** Times are MicroTime: six digits after the second, or the server refuses them. */
export interface Lease extends KubernetesObject {
  spec?: {
    holderIdentity?: string
    leaseDurationSeconds?: number
    acquireTime?: string
    renewTime?: string
    leaseTransitions?: number
  }
}

export interface EventSeries {
  /** How often it was seen, 2 or more. */
  count: number
  lastObservedTime: string
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface Event extends KubernetesObject {
  eventTime: string
  type: string
  reason: string
  action: string
  note?: string
  regarding?: EventObjectReference
  related?: EventObjectReference
  reportingController: string
  reportingInstance: string
  series?: EventSeries
}

export interface EventObjectReference {
  apiVersion?: string
  kind?: string
  namespace?: string
  name?: string
  uid?: string
  resourceVersion?: string
}

const core = { group: '', version: 'v1' } as const

export const namespaces = defineResource<Namespace>({
  ...core,
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
})
export const secrets = defineResource<Secret>({ ...core, plural: 'secrets', kind: 'Secret', namespaced: true })
export const configMaps = defineResource<ConfigMap>({
  ...core,
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
})
export const leases = defineResource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
})
export const events = defineResource<Event>({
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
})

/** A time as Lease and Event want it: RFC 3339 with six digits. */
export function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z')
}
