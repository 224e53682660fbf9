// A real Kubernetes control plane on this machine: etcd, the API server and, where there is one, the controller
// manager. No scheduler and no node: nothing here runs pods.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../../lib/process/clock.ts'
import { type Member, member } from '../stack/member.ts'
import { freePort } from '../stack/ports.ts'
import { type AdminApi, adminApi } from './admin-api.ts'
import { type Binaries, findBinaries, type Progress } from './binaries.ts'
import { apiServerCommand, controllerManagerCommand, etcdCommand } from './commands.ts'
import { makeIdentity } from './identity.ts'
import { seedNamespace } from './namespaces.ts'
import type { KeyPair } from './pki.ts'

export interface ClusterOptions {
  /** Everything of this cluster is under here; made when it is not there. */
  folder: string
  /** Whether to run one, if the binaries have one: see `hasControllerManager`. */
  controllerManager: boolean
  /** Whether etcd waits for the disk. Off by default: the data lives for minutes. */
  fsync?: boolean
  /** Found or built by default. */
  binaries?: Binaries
  progress?: Progress
  clock?: Clock
  /** Aborted: no further server is started or waited for, and what runs is ended. */
  stop?: AbortSignal | undefined
}

export interface Cluster {
  /** `https://127.0.0.1:PORT` */
  readonly server: string
  readonly port: number
  /** Path of cluster-admin's kubeconfig. */
  readonly kubeconfig: string
  /** PEM, and its path: what to trust the API server by. */
  readonly ca: string
  readonly caFile: string
  /** Cluster-admin's client certificate. */
  readonly admin: KeyPair
  /** Path of the audit log: a line of JSON for each completed request of anybody outside the control plane. */
  readonly auditLog: string
  /** Whether namespaces are deleted and owned objects collected. */
  readonly hasControllerManager: boolean
  readonly etcd: Member
  /** What the API server keeps its objects in; open to whoever is on this machine. */
  readonly etcdUrl: string
  readonly apiServer: Member
  readonly controllerManager: Member | undefined
  /** Requests as cluster-admin. */
  readonly api: AdminApi
  /** Makes a namespace that has what the controller manager would put there; nothing when it exists. */
  createNamespace(name: string): Promise<void>
  /** Ends all three. Leaves the folder. */
  stop(): Promise<void>
}

/** Resolves when everything is ready. Throws `BinariesError` or `ProcessError`, and then leaves nothing running. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { fsync = false, clock = systemClock, progress = () => {} } = options
  const ended = options.stop ?? new AbortController().signal
  const binaries = options.binaries ?? (await findBinaries({ progress, clock, stop: ended }))
  const folder = resolve(options.folder)
  mkdirSync(folder, { recursive: true })

  const [port, etcdPort, peerPort, managerPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const server = `https://127.0.0.1:${port}`
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const auditLog = join(folder, 'audit.log')
  const identity = await makeIdentity({ folder, server, now: clock.now() })
  const api = adminApi({ server, ca: identity.ca, user: identity.admin })

  const etcd = member(
    etcdCommand({ folder, binary: binaries.etcd, clientUrl: etcdUrl, peerUrl: `http://127.0.0.1:${peerPort}`, fsync }),
    async () => (await fetch(`${etcdUrl}/health`)).ok,
  )
  const apiServer = member(
    apiServerCommand({ folder, binary: binaries.kubeApiserver, etcdUrl, port, identity, auditLog }),
    async () => (await api.answer('GET', '/readyz')).status === 200,
  )
  const managerBinary = options.controllerManager ? binaries.kubeControllerManager : undefined
  const controllerManager =
    managerBinary === undefined
      ? undefined
      : member(
          controllerManagerCommand({ folder, binary: managerBinary, port: managerPort, identity }),
          // Its own /healthz is behind a certificate of its own; what it has done shows better that it works.
          async () => (await api.answer('GET', '/api/v1/namespaces/default/serviceaccounts/default')).status === 200,
        )

  const createNamespace = async (name: string) =>
    await seedNamespace({ name, api, ca: identity.ca, hasControllerManager: controllerManager !== undefined, clock })
  const stop = async () => {
    await api.close()
    await controllerManager?.stop() // Those that talk stop before those that are talked to.
    await apiServer.stop()
    await etcd.stop()
  }

  try {
    for (const server of [etcd, apiServer, controllerManager]) {
      ended.throwIfAborted()
      await server?.start()
    }
    await createNamespace('default')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    server,
    port,
    kubeconfig: identity.files.adminKubeconfig,
    ca: identity.ca,
    caFile: identity.files.ca,
    admin: identity.admin,
    auditLog,
    hasControllerManager: controllerManager !== undefined,
    etcd,
    etcdUrl,
    apiServer,
    controllerManager,
    api,
    createNamespace,
    stop,
  }
}
