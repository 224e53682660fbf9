// How each server of the control plane is started.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from '../stack/processes.ts'
import { type Identity, SERVICE_RANGE } from './identity.ts'

/** They live for minutes: memory for the processor's time, of which the API server spent a seventh on collecting. */
export const COLLECTS_SELDOM = { GOGC: '400' }

interface Place {
  folder: string
  binary: string
}

export function etcdCommand(place: Place & { clientUrl: string; peerUrl: string; fsync: boolean }): Command {
  const { folder, binary, clientUrl, peerUrl, fsync } = place
  return {
    name: 'etcd',
    file: binary,
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${clientUrl}`,
      `--advertise-client-urls=${clientUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      `--unsafe-no-fsync=${!fsync}`,
      '--log-level=warn',
    ],
    log: join(folder, 'log', 'etcd.log'),
    env: COLLECTS_SELDOM,
  }
}

export function apiServerCommand(
  place: Place & { etcdUrl: string; port: number; identity: Identity; auditLog: string },
): Command {
  const { folder, binary, etcdUrl, port, identity, auditLog } = place
  const policyFile = join(folder, 'audit-policy.json')
  writeFileSync(policyFile, JSON.stringify(auditPolicy, undefined, 2))
  return {
    name: 'kube-apiserver',
    file: binary,
    args: [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      '--endpoint-reconciler-type=none', // An endpoint on the loopback is not permitted, and nobody looks for it.
      `--secure-port=${port}`,
      `--tls-cert-file=${identity.files.servingCertificate}`,
      `--tls-private-key-file=${identity.files.servingKey}`,
      `--client-ca-file=${identity.files.ca}`,
      `--service-cluster-ip-range=${SERVICE_RANGE}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${identity.files.serviceAccountPublicKey}`,
      `--service-account-signing-key-file=${identity.files.serviceAccountKey}`,
      '--authorization-mode=RBAC',
      `--audit-policy-file=${policyFile}`,
      `--audit-log-path=${auditLog}`,
      '--audit-log-mode=blocking-strict', // What is counted must be complete.
      '--audit-log-maxsize=10000', // Megabytes: rotation would hide what happened before.
      '--shutdown-delay-duration=0s',
    ],
    log: join(folder, 'log', 'kube-apiserver.log'),
    env: COLLECTS_SELDOM,
    graceSeconds: 3, // It waits for open watches, which their clients have no reason to close.
  }
}

export function controllerManagerCommand(place: Place & { port: number; identity: Identity }): Command {
  const { folder, binary, port, identity } = place
  return {
    name: 'kube-controller-manager',
    file: binary,
    args: [
      `--kubeconfig=${identity.files.controllerManagerKubeconfig}`,
      `--service-account-private-key-file=${identity.files.serviceAccountKey}`,
      `--root-ca-file=${identity.files.ca}`,
      '--use-service-account-credentials=true',
      '--leader-elect=false',
      // Programs run as processes here; nobody is to make pods of their Deployments.
      '--controllers=*,-deployment-controller,-replicaset-controller',
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${join(folder, 'controller-manager')}`,
    ],
    log: join(folder, 'log', 'kube-controller-manager.log'),
  }
}

/** Who did what to which object, without bodies. The control plane's own talk is left out. A watch is told when it begins. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', users: ['system:apiserver', 'system:kube-controller-manager'] },
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'] },
    { level: 'None', nonResourceURLs: ['*'] },
    { level: 'Metadata', verbs: ['watch'] },
    { level: 'Metadata', omitStages: ['ResponseStarted'] },
  ],
}
