// The environment and arguments of one container, filled in as a kubelet does it.
import type { AdminApi } from '../cluster/admin-api.ts'
import { fieldOf, keysOf, type PodIdentity } from './pod-identity.ts'
import type { Container, Variable } from './pod-template.ts'

export interface Surroundings {
  pod: PodIdentity
  api: AdminApi
  /** The API server's port on 127.0.0.1. */
  apiServerPort: number
  /** Takes the place of the container's file system root, for what is mounted. */
  root: string
  /** Ports that this replica listens on instead of those in the template. */
  ports: Map<number, number>
}

/** Throws when something referred to is not there. */
export async function environmentOf(container: Container, around: Surroundings): Promise<Record<string, string>> {
  const { pod, apiServerPort, root } = around
  const environment: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: root,
    HOSTNAME: pod.name,
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(apiServerPort),
    KUBERNETES_SERVICE_PORT_HTTPS: String(apiServerPort),
  }
  for (const variable of container.env) {
    const value = await resolved(variable, around)
    if (value === undefined) continue
    environment[variable.name] = portOf(variable, value, around) ?? placed(value, container, root)
  }
  return environment
}

/** Where a mounted path lies here; anything else is left as it is. */
export function placed(text: string, container: Container, root: string): string {
  const isMounted = container.volumeMounts.some(
    ({ mountPath }) => text === mountPath || text.startsWith(`${mountPath}/`),
  )
  return isMounted ? `${root}${text}` : text
}

/** Pods have an address each; processes of one machine need ports each, and only the variables of ports are touched. */
function portOf({ name }: Variable, value: string, { ports }: Surroundings): string | undefined {
  const port = name.endsWith('_PORT') ? ports.get(Number(value)) : undefined
  return port === undefined ? undefined : String(port)
}

async function resolved(variable: Variable, { pod, api }: Surroundings): Promise<string | undefined> {
  const { name, value, valueFrom } = variable
  if (!valueFrom) return value ?? ''
  if (valueFrom.fieldRef) return fieldOf(pod, valueFrom.fieldRef.fieldPath)

  const reference = valueFrom.secretKeyRef ?? valueFrom.configMapKeyRef
  if (!reference) throw new Error(`The variable ${name} of ${pod.name} has a source that is not known here.`)
  const kind = valueFrom.secretKeyRef ? ('secrets' as const) : ('configmaps' as const)
  const keys = await keysOf(api, { kind, namespace: pod.namespace, name: reference.name })
  const found = keys?.get(reference.key)
  if (found === undefined && !reference.optional) {
    throw new Error(`The variable ${name} of ${pod.name} needs ${kind}/${reference.name} to hold ${reference.key}.`)
  }
  return found?.toString('utf8')
}
