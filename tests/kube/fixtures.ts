// What every suite here begins with: a kind of its own, a runtime that logs nothing, a namespace nobody else uses.
import { Registry } from 'prom-client'
import { onTestFinished } from 'vitest'
import { type ConnectOptions, connect, type KubeClient } from '../../lib/kube/client.ts'
import { namespaces } from '../../lib/kube/core.ts'
import type { Credentials } from '../../lib/kube/credentials.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'
import type { Runtime } from '../../lib/kube/runtime.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import type { ApiServer } from './api-server.ts'
import { type Widget, widgets } from './widgets.ts'

export { type Widget, widgets } from './widgets.ts'

interface CustomResourceDefinition extends KubernetesObject {
  spec: object
  status?: { conditions?: { type: string; status: string }[] }
}

export const definitions = defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
})

const widgetSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer', minimum: 0 },
        colour: { type: 'string' },
        note: { type: 'string' },
      },
    },
    status: { type: 'object', properties: { seen: { type: 'integer' }, phase: { type: 'string' } } },
  },
}

/** Declares a kind to the server and waits until it is served. */
export async function installKind(
  client: KubeClient,
  kind: { plural: string; kind: string; group: string },
  schema: object,
): Promise<void> {
  const name = `${kind.plural}.${kind.group}`
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: schema },
    subresources: { status: {} },
  }
  await client.create(definitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name },
    spec: {
      group: kind.group,
      scope: 'Namespaced',
      names: { plural: kind.plural, singular: kind.kind.toLowerCase(), kind: kind.kind },
      versions: [version],
    },
  })
  await until(async () => {
    const definition = await client.get(definitions, { name })
    return definition?.status?.conditions?.some(each => each.type === 'Established' && each.status === 'True')
  })
}

export async function installWidgets(client: KubeClient): Promise<void> {
  await installKind(client, widgets, widgetSchema)
}

export function makeRuntime(): Runtime {
  return {
    clock: systemClock,
    random: Math.random,
    log: createLogger({ program: 'test', level: process.env.TEST_LOG === 'debug' ? 'debug' : 'silent' }),
    metrics: kubeMetrics(new Registry()),
    development: true,
  }
}

/** A runtime that makes no pause between two attempts, or a short one: `share` of what it may be, 0 to 1. */
export function hasty(share = 0): Runtime {
  return { ...makeRuntime(), random: () => share }
}

/** Closed when the test is over. */
export function clientOf(credentials: Credentials, options: Partial<ConnectOptions> = {}): KubeClient {
  const client = connect(credentials, { userAgent: 'kube-test/1', timeoutSeconds: 10, ...options })
  onTestFinished(() => client.close())
  return client
}

let made = 0

export async function newNamespace(server: ApiServer): Promise<string> {
  const name = `test-${++made}`
  await clientOf(server.credentials()).create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

export function widget(namespace: string, name: string, spec: Widget['spec'] = {}): Widget {
  return { apiVersion: widgets.apiVersion, kind: widgets.kind, metadata: { namespace, name }, spec }
}

/** Aborted when the test is over. */
export function untilTestEnds(): AbortSignal {
  const end = new AbortController()
  onTestFinished(() => end.abort())
  return end.signal
}

/** Waits for a state, not for a time: looks every 10 ms, and gives up in the end. */
export async function until<T>(look: () => T | Promise<T>, seconds = 15): Promise<NonNullable<T>> {
  for (const deadline = Date.now() + seconds * 1000; ; ) {
    const seen = await look()
    if (seen) return seen
    if (Date.now() > deadline) throw new Error(`this did not come about in ${seconds} s: ${look}`)
    await systemClock.sleep(10)
  }
}

export async function metric(runtime: Runtime, line: string): Promise<number> {
  const text = await runtime.metrics.registry.metrics()
  const found = text.split('\n').find(each => each.startsWith(`${line} `))
  if (found === undefined) throw new Error(`there is no metric ${line}`)
  return Number(found.slice(line.length))
}
