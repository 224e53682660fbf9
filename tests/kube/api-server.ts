// A kube-apiserver with its etcd, for these tests alone: real, empty, gone afterwards.
import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { findBinaries } from '../../demo/cluster/binaries.ts'
import { COLLECTS_SELDOM } from '../../demo/cluster/commands.ts'
import { type Authority, certificateAuthority } from '../../demo/cluster/pki.ts'
import type { Credentials, Identity } from '../../lib/kube/credentials.ts'

const TOKEN = 'cluster-admin-of-this-test'
const START_SECONDS = 60

export interface ApiServer {
  readonly port: number
  readonly etcdUrl: string
  readonly directory: string
  readonly ca: string
  readonly token: string
  /** Signs client certificates: the common name is the user, the organizations are the groups. */
  readonly clients: Authority
  /** As cluster-admin, by way of `port` (a proxy's, say) instead of the server's own. */
  credentials(options?: { port?: number }): Credentials
  /** Its path; by way of `port` instead of the server's own. */
  kubeconfig(user: object, port?: number): Promise<string>
  /** Kills the API server and leaves its etcd; `start` brings it back on the same port. */
  pause(): Promise<void>
  start(): Promise<void>
  /** Makes etcd forget everything but the present. */
  compact(): Promise<void>
  stop(): Promise<void>
}

export async function startApiServer(): Promise<ApiServer> {
  const binaries = await findBinaries()
  const directory = await mkdtemp(join(tmpdir(), 'kube-test-'))
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
  const etcdUrl = `http://127.0.0.1:${clientPort}`
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  await writeFile(join(directory, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  await writeFile(join(directory, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  await writeFile(join(directory, 'tokens.csv'), `${TOKEN},admin,admin,system:masters\nlimited,limited,limited\n`)

  const etcd = run(binaries.etcd, [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
    '--log-level=error',
  ])
  const clients = await certificateAuthority('clients-of-this-test', new Date())
  await writeFile(join(directory, 'clients.crt'), clients.certificate)
  const startServer = () =>
    run(binaries.kubeApiserver, [
      `--etcd-servers=${etcdUrl}`,
      `--cert-dir=${join(directory, 'pki')}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${join(directory, 'sa.pub')}`,
      `--service-account-signing-key-file=${join(directory, 'sa.key')}`,
      `--client-ca-file=${join(directory, 'clients.crt')}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--disable-admission-plugins=ServiceAccount',
      '--feature-gates=ListFromCacheSnapshot=false', // Or the pages of a list would outlive what etcd has forgotten.
    ])
  let server = startServer()
  const stop = async () => {
    await end(server)
    await end(etcd)
    await rm(directory, { recursive: true, force: true })
  }

  try {
    await ready({ port, processes: [etcd, server] })
  } catch (error) {
    await stop()
    throw error
  }
  const ca = await readFile(join(directory, 'pki', 'apiserver.crt'), 'utf8')
  return {
    port,
    etcdUrl,
    directory,
    ca,
    token: TOKEN,
    clients,
    pause: () => kill(server),
    async start() {
      server = startServer()
      await ready({ port, processes: [etcd, server] })
    },
    compact: () => compact(etcdUrl),
    credentials: ({ port: by = port } = {}) => fixed({ server: `https://127.0.0.1:${by}`, ca, token: TOKEN }),
    kubeconfig: async (user, by = port) => {
      const path = join(directory, `kubeconfig-${crypto.randomUUID()}.json`)
      const cluster = { server: `https://127.0.0.1:${by}`, 'certificate-authority-data': base64(ca) }
      const config = {
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'test',
        contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
        clusters: [{ name: 'test', cluster }],
        users: [{ name: 'test', user }],
      }
      await writeFile(path, JSON.stringify(config))
      return path
    },
    stop,
  }
}

export function fixed(options: { server: string; ca?: string; token?: string }): Credentials {
  const headers: Record<string, string> = options.token ? { authorization: `Bearer ${options.token}` } : {}
  const identity: Identity = { headers, tls: options.ca === undefined ? {} : { ca: options.ca } }
  return { server: options.server, namespace: undefined, identity: async () => identity, refresh: async () => identity }
}

export async function freePort(): Promise<number> {
  return await new Promise((resolvePort, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function compact(etcdUrl: string): Promise<void> {
  const post = async (path: string, body: object): Promise<string> =>
    await (await fetch(`${etcdUrl}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })).text()
  const revision = (await post('maintenance/status', {})).match(/"revision":"(\d+)"/)?.[1]
  await post('kv/compaction', { revision, physical: true })
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

interface Running {
  process: ChildProcess
  name: string
  said: () => string
}

function run(path: string, args: string[]): Running {
  const env = { ...process.env, ...COLLECTS_SELDOM }
  const child = spawn(path, args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', chunk => {
    said = (said + chunk).slice(-4000)
  })
  process.once('exit', () => child.kill('SIGKILL'))
  return { process: child, name: path, said: () => said }
}

async function kill({ process: child }: Running): Promise<void> {
  const gone = new Promise(done => child.once('exit', done))
  child.kill('SIGKILL')
  await gone
}

async function end({ process: child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise(done => child.once('exit', done))
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(late)
}

async function ready({ port, processes }: { port: number; processes: Running[] }): Promise<void> {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } })
  const headers = { authorization: `Bearer ${TOKEN}` }
  for (const deadline = Date.now() + START_SECONDS * 1000; ; ) {
    const dead = processes.find(each => each.process.exitCode !== null)
    if (dead) throw new Error(`${dead.name} ended:\n${dead.said()}`)
    if (Date.now() > deadline) throw new Error(`not ready:\n${processes.map(each => each.said()).join('\n')}`)
    const answer = await request(`https://127.0.0.1:${port}/readyz`, { dispatcher, headers }).catch(() => undefined)
    await answer?.body.dump()
    if (answer?.statusCode === 200) break
    await delay(100)
  }
  await dispatcher.close()
}
