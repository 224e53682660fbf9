// The real API server that a benchmark runs against, with both kinds installed and etcd without fsync.
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { type Cluster, startCluster } from '../../demo/cluster/cluster.ts'
import { connect, type KubeClient } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')

export interface BenchCluster {
  /** Cluster-admin's. */
  readonly kubeconfig: string
  readonly auditLog: string
  readonly etcdUrl: string
  readonly kube: KubeClient
  namespace(name: string): Promise<void>
  stop(): Promise<void>
}

export async function startBenchCluster(folder: string): Promise<BenchCluster> {
  const cluster: Cluster = await startCluster({ folder, controllerManager: false })
  for (const plural of ['gamesessions', 'gpuvms']) {
    const definition: object = parse(await readFile(join(REPOSITORY, `crds/wasd.cloud_${plural}.yaml`), 'utf8'))
    await cluster.api.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
    for (let status = 404; status !== 200; ) {
      status = (await cluster.api.answer('GET', `/apis/wasd.cloud/v1alpha1/${plural}`)).status
    }
  }
  const credentials = await loadCredentials({ kubeconfig: cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'bench', connections: 64, timeoutSeconds: 60 })
  return {
    kubeconfig: cluster.kubeconfig,
    auditLog: cluster.auditLog,
    etcdUrl: cluster.etcdUrl,
    kube,
    namespace: cluster.createNamespace,
    async stop() {
      await kube.close()
      await cluster.stop()
    },
  }
}
