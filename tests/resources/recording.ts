// Remembers every version of every GameSession and GpuVm that the API server tells of: what an operator wrote on the way
// is gone from the objects themselves.
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../crds/types/gpuvm.ts'
import type { KubeClient } from '../../lib/kube/client.ts'
import type { KubernetesObject, Resource } from '../../lib/kube/resource.ts'

/** Longer than any test takes. */
const WATCH_SECONDS = 1800

export interface Recording {
  sessions: GameSession[]
  machines: GpuVm[]
  stop(): Promise<void>
}

export async function record(kube: KubeClient): Promise<Recording> {
  const stopping = new AbortController()
  const follow = async <Kind extends KubernetesObject>(resource: Resource<Kind>, versions: Kind[]) => {
    const { metadata } = await kube.list(resource)
    const told = kube.watch(resource, {
      resourceVersion: metadata.resourceVersion,
      timeoutSeconds: WATCH_SECONDS,
      signal: stopping.signal,
    })
    const reading = async () => {
      for await (const event of told) if (event.type !== 'BOOKMARK') versions.push(event.object)
    }
    return reading().catch(error => {
      if (!stopping.signal.aborted) throw error
    })
  }
  const sessions: GameSession[] = []
  const machines: GpuVm[] = []
  const following = [follow(gameSessions, sessions), follow(gpuVms, machines)]
  return {
    sessions,
    machines,
    async stop() {
      stopping.abort()
      await Promise.all(following)
    },
  }
}
