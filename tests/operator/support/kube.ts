// The API server as these tests ask it: time stands still meanwhile, and until their own watches have told what was written.
import { z } from 'zod'
import { type GameSession, gameSessions } from '../../../crds/types/gamesession.ts'
import { type GpuVm, gpuVms } from '../../../crds/types/gpuvm.ts'
import type { Cluster } from '../../../demo/cluster/cluster.ts'
import { requestToken } from '../../../demo/stack/pod-identity.ts'
import { connect, type KubeClient } from '../../../lib/kube/client.ts'
import type { Credentials } from '../../../lib/kube/credentials.ts'
import { fixed } from '../../kube/api-server.ts'
import { intercepted } from './mortal.ts'
import type { News } from './news.ts'
import type { Time } from './time.ts'

/** So long one is good: no test takes as many days. */
const TOKEN_DAYS = 30

const objectShape = z.object({ metadata: z.object({ resourceVersion: z.coerce.number() }) })
const resourceShape = z.object({ plural: z.string() })
const WRITES = ['create', 'replace', 'replaceStatus', 'mergePatch', 'apply']

export interface AdminClient {
  kube: KubeClient
  /** Whether a machine or a session was written that has not been told yet. */
  isAheadOf(told: { machines: News<GpuVm>; sessions: News<GameSession> }): boolean
}

export async function connectAdmin(cluster: Cluster, time: Time): Promise<AdminClient> {
  /** By plural: the newest resource version that was written. */
  const written = new Map<string, number>()
  function note(resource: unknown, answer: unknown): void {
    const { plural } = resourceShape.parse(resource)
    const { resourceVersion } = objectShape.parse(answer).metadata
    written.set(plural, Math.max(written.get(plural) ?? 0, resourceVersion))
  }
  const client = connect(await adminByToken(cluster), { userAgent: 'test' })
  return {
    kube: intercepted(client, async (method, call, [resource]) => {
      const answer = await time.during(call)
      if (WRITES.includes(method)) note(resource, answer)
      return answer
    }),
    isAheadOf: ({ machines, sessions }) =>
      (written.get(gpuVms.plural) ?? 0) > machines.version ||
      (written.get(gameSessions.plural) ?? 0) > sessions.version,
  }
}

/** As a pod's program has it. Of a client's certificate the API server verifies the chain with each request anew. */
async function adminByToken({ api, server, ca }: Cluster): Promise<Credentials> {
  const account = { namespace: 'default', serviceAccount: 'default' }
  await api.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'tests' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', namespace: account.namespace, name: account.serviceAccount }],
  })
  const { token } = await requestToken(api, account, { audience: undefined, expirationSeconds: TOKEN_DAYS * 86_400 })
  return fixed({ server, ca, token })
}
