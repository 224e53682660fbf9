// A release of a chart on the local cluster: rendered by helm, applied by kubectl, and its Deployments run as processes
// with the arguments, environment, files and rights that were rendered.
//
// Two things differ from a pod, because there is one machine and no image: mounted paths lie under the pod's folder, and
// from the second replica on a Deployment's ports are others.
import { join } from 'node:path'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { apply, type RenderedObject, type Rendering, render } from './chart.ts'
import type { CommandResult } from './commands.ts'
import { createPod, type Pod, type Restart } from './pod.ts'
import { type Deployment, parseDeployment } from './pod-template.ts'
import { freePort } from './ports.ts'

interface Running {
  namespace: string
  cluster: Cluster
  /** The pods' files and logs, and the values. */
  folder: string
  restart: Restart
  clock?: Clock
}

export interface ReleaseOptions extends Running, Omit<Rendering, 'folder' | 'namespace'> {
  kubectl: (args: string[], input?: string) => Promise<CommandResult>
}

export interface Release {
  readonly objects: RenderedObject[]
  /** The replicas of a Deployment by its name. Throws when it is none of the release's. */
  pods(deployment: string): Pod[]
  /** Starts every pod of every Deployment, those of one Deployment after each other; resolves when all are ready. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Renders and applies; nothing runs before `start()`. */
export async function installRelease(options: ReleaseOptions): Promise<Release> {
  const { cluster, kubectl, namespace, folder } = options
  const objects = await render({ ...options, folder: join(folder, 'helm') })
  await cluster.createNamespace(namespace)
  await apply({ objects, namespace, kubectl })
  return await releaseOf(objects, options)
}

/** What was rendered and stands in the cluster already; nothing runs before `start()`. */
export async function releaseOf(objects: RenderedObject[], options: Running): Promise<Release> {
  const pods = new Map<string, Pod[]>()
  for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
    pods.set(object.metadata.name, await podsOf(parseDeployment(object), options))
  }
  return {
    objects,
    pods(deployment) {
      const found = pods.get(deployment)
      if (!found) throw new Error(`There is no Deployment ${deployment}; there are ${[...pods.keys()].join(', ')}.`)
      return found
    },
    async start() {
      const inOrder = async (some: Pod[]) => {
        for (const pod of some) await pod.start()
      }
      // All are heard before one is reported, so that nothing is still being started afterwards.
      const results = await Promise.allSettled([...pods.values()].map(inOrder))
      const failed = results.find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
    },
    async stop() {
      await Promise.all([...pods.values()].flat().map(pod => pod.stop()))
    },
  }
}

async function podsOf(deployment: Deployment, options: Running): Promise<Pod[]> {
  const { namespace, folder, cluster, restart, clock = systemClock } = options
  const templatePorts = deployment.spec.template.spec.containers.flatMap(({ ports }) =>
    ports.map(({ containerPort }) => containerPort),
  )
  const pods: Pod[] = []
  for (let index = 0; index < deployment.spec.replicas; index += 1) {
    const ports = new Map<number, number>()
    for (const port of templatePorts) ports.set(port, index === 0 ? port : await freePort())
    pods.push(createPod({ deployment, namespace, index, ports, folder: join(folder, 'pods'), cluster, restart, clock }))
  }
  return pods
}
