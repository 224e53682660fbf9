// The cluster, put together: who leads, what stands there, and what the operator writes with and tells by.
import { randomUUID } from 'node:crypto'
import { gameSessions } from '../crds/types/gamesession.ts'
import { gpuVms } from '../crds/types/gpuvm.ts'
import { connect } from '../lib/kube/client.ts'
import { loadCredentials } from '../lib/kube/credentials.ts'
import { elector } from '../lib/kube/elector.ts'
import { type Recorder, recorder } from '../lib/kube/events.ts'
import { fenced } from '../lib/kube/fence.ts'
import { reflectNamespaces } from '../lib/kube/namespaces.ts'
import { ownWrites } from '../lib/kube/own-writes.ts'
import { referenceOf } from '../lib/kube/resource.ts'
import type { Runtime } from '../lib/kube/runtime.ts'
import { machineIndexes, sessionIndexes } from './gamesession/observe.ts'
import { sessionNudges } from './gamesession/urgency.ts'
import { machineNudges } from './gpuvm/urgency.ts'
import type { Settings } from './settings.ts'

const USER_AGENT = 'wasd-operator/0.1.0'

export type ClusterSide = Awaited<ReturnType<typeof clusterSide>>

/** The API server: who leads, what stands there, and a client that writes only while we lead. */
export async function clusterSide({ settings, runtime }: { settings: Settings; runtime: Runtime }) {
  const { clock } = runtime
  const { podName, podNamespace, watchNamespaces: namespaces } = settings
  const credentials = await loadCredentials({
    environment: process.env,
    serviceAccountDirectory: settings.serviceAccountDirectory,
    clock,
  })
  const connection = { userAgent: USER_AGENT, metrics: runtime.metrics, clock, log: runtime.log }
  const client = connect(credentials, connection)
  const leaseClient = connect(credentials, { ...connection, connections: 2 })
  const election = elector({
    runtime,
    client: leaseClient,
    lease: { namespace: podNamespace, name: settings.leaseName },
    identity: `${podName}_${randomUUID()}`,
    leaseSeconds: settings.leaseSeconds,
    renewDeadlineSeconds: settings.leaseRenewSeconds,
    retrySeconds: settings.leaseRetrySeconds,
  })
  const told = recorder({
    runtime,
    client, // Not fenced: what happened is told also by who has just stopped leading, or stands by.
    reportingController: 'wasd.cloud/operator',
    reportingInstance: podName.slice(0, 128),
  })
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: podNamespace, name: podName } }
  const kube = fenced(client, election.holds)
  const sessions = reflectNamespaces({ runtime, client, resource: gameSessions, namespaces, indexes: sessionIndexes })
  const machines = reflectNamespaces({ runtime, client, resource: gpuVms, namespaces, indexes: machineIndexes })
  const reflectors = [...sessions.parts, ...machines.parts]
  const nudges = { sessions: sessionNudges(sessions.view.store), machines: machineNudges(machines.view.store) }
  return {
    kube,
    election,
    sessions: sessions.view,
    machines: machines.view,
    reflectors,
    written: ownWrites(reflectors),
    told,
    /** Of this program itself: on its pod. */
    tell: (occurrence: Parameters<Recorder['event']>[1]) => told.event(pod, occurrence),
    sessionNudges: nudges.sessions,
    machineNudges: nudges.machines,
    nudgeSessions() {
      for (const session of sessions.view.store.list()) nudges.sessions.push(referenceOf(session))
    },
    nudgeMachines() {
      for (const machine of machines.view.store.list()) nudges.machines.push(referenceOf(machine))
    },
    close: async () => void (await Promise.all([client.close(), leaseClient.close()])),
  }
}
