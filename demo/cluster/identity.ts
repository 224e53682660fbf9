// What the servers of one cluster know each other and their clients by: certificates, the service accounts' key, and
// kubeconfigs, as files in its folder.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificateAuthority, type KeyPair } from './pki.ts'

/** The first address of the service range, which is the API server's own Service. */
export const SERVICE_RANGE = '10.96.0.0/16'
const API_SERVICE_IP = '10.96.0.1'

export interface Identity {
  ca: string
  admin: KeyPair
  files: {
    ca: string
    servingCertificate: string
    servingKey: string
    serviceAccountKey: string
    serviceAccountPublicKey: string
    adminKubeconfig: string
    controllerManagerKubeconfig: string
  }
}

export async function makeIdentity(options: { folder: string; server: string; now: Date }): Promise<Identity> {
  const { folder, server, now } = options
  const authority = await certificateAuthority('wasd-local-cluster', now)
  const [serving, admin, manager] = await Promise.all([
    authority.server({
      dns: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ip: ['127.0.0.1', API_SERVICE_IP],
    }),
    authority.client('admin', ['system:masters']),
    authority.client('system:kube-controller-manager', []),
  ])
  const serviceAccount = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (name: string, text: string | Buffer) => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const kubeconfig = (user: KeyPair) => kubeconfigText({ server, ca: authority.certificate, user })

  return {
    ca: authority.certificate,
    admin,
    files: {
      ca: write('ca.crt', authority.certificate),
      servingCertificate: write('apiserver.crt', serving.certificate),
      servingKey: write('apiserver.key', serving.key),
      serviceAccountKey: write('sa.key', serviceAccount.privateKey.export({ type: 'sec1', format: 'pem' })),
      serviceAccountPublicKey: write('sa.pub', serviceAccount.publicKey.export({ type: 'spki', format: 'pem' })),
      adminKubeconfig: write('admin.kubeconfig', kubeconfig(admin)),
      controllerManagerKubeconfig: write('controller-manager.kubeconfig', kubeconfig(manager)),
    },
  }
}

/** JSON is YAML. */
function kubeconfigText({ server, ca, user }: { server: string; ca: string; user: KeyPair }): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const cluster = { server, 'certificate-authority-data': base64(ca) }
  const credentials = { 'client-certificate-data': base64(user.certificate), 'client-key-data': base64(user.key) }
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'local',
      contexts: [{ name: 'local', context: { cluster: 'local', user: 'local' } }],
      clusters: [{ name: 'local', cluster }],
      users: [{ name: 'local', user: credentials }],
    },
    undefined,
    2,
  )
}
