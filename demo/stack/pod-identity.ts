// Who a local pod is, and what it may look up in the cluster: what a kubelet knows when it fills in a pod's values.
import { z } from 'zod'
import type { AdminApi } from '../cluster/admin-api.ts'

export interface PodIdentity {
  name: string
  namespace: string
  serviceAccount: string
  uid: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** A field as the downward API gives it. Throws on one that is not known here. */
export function fieldOf(pod: PodIdentity, path: string): string {
  const plain: Record<string, string> = {
    'metadata.name': pod.name,
    'metadata.namespace': pod.namespace,
    'metadata.uid': pod.uid,
    'spec.serviceAccountName': pod.serviceAccount,
    'spec.nodeName': 'local',
    'status.podIP': '127.0.0.1',
    'status.hostIP': '127.0.0.1',
  }
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  const value = keyed ? (keyed[1] === 'labels' ? pod.labels : pod.annotations)[keyed[2] ?? ''] : plain[path]
  if (value === undefined) throw new Error(`The field ${path} is not known here.`)
  return value
}

const configMap = z.looseObject({
  data: z.record(z.string(), z.string()).default({}),
  binaryData: z.record(z.string(), z.base64()).default({}),
})
const secret = z.looseObject({ data: z.record(z.string(), z.base64()).default({}) })
const tokenRequest = z.looseObject({ status: z.looseObject({ token: z.string(), expirationTimestamp: z.string() }) })

/** The keys of a ConfigMap or Secret; `undefined` when there is none. */
export async function keysOf(
  api: AdminApi,
  object: { kind: 'configmaps' | 'secrets'; namespace: string; name: string },
): Promise<Map<string, Buffer> | undefined> {
  const found = await api.call('GET', `/api/v1/namespaces/${object.namespace}/${object.kind}/${object.name}`)
  if (found === undefined) return undefined
  const decoded = (data: Record<string, string>, encoding: BufferEncoding) =>
    Object.entries(data).map(([key, value]): [string, Buffer] => [key, Buffer.from(value, encoding)])
  if (object.kind === 'secrets') return new Map(decoded(secret.parse(found).data, 'base64'))
  const { data, binaryData } = configMap.parse(found)
  return new Map([...decoded(data, 'utf8'), ...decoded(binaryData, 'base64')])
}

/** The API server takes no less. */
const SHORTEST_TOKEN_SECONDS = 600

export async function requestToken(
  api: AdminApi,
  pod: Pick<PodIdentity, 'namespace' | 'serviceAccount'>,
  wish: { audience: string | undefined; expirationSeconds: number },
): Promise<{ token: string; expiresAt: Date }> {
  const path = `/api/v1/namespaces/${pod.namespace}/serviceaccounts/${pod.serviceAccount}/token`
  const reply = await api.call('POST', path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      ...(wish.audience !== undefined && { audiences: [wish.audience] }),
      expirationSeconds: Math.max(wish.expirationSeconds, SHORTEST_TOKEN_SECONDS),
    },
  })
  if (reply === undefined) throw new Error(`There is no service account ${pod.serviceAccount} in ${pod.namespace}.`)
  const { token, expirationTimestamp } = tokenRequest.parse(reply).status
  return { token, expiresAt: new Date(expirationTimestamp) }
}
