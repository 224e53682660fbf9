// Who we are to the API server: from a kubeconfig (tokens, client certificates, exec plugins) or from the pod's
// service account. The only file that loads @kubernetes/client-node, and only for a kubeconfig: importing it costs
// half a second and 90 MB, which a pod has no need to pay.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RequestOptions } from 'node:https'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Clock, systemClock } from '../process/clock.ts'

export interface TlsMaterial {
  ca?: string | Buffer
  cert?: string | Buffer
  key?: string | Buffer
  servername?: string
  rejectUnauthorized?: boolean
}

/** Who we are at this moment. The same object until something changes; so is its `tls`. */
export interface Identity {
  headers: Readonly<Record<string, string>>
  tls: Readonly<TlsMaterial>
}

export interface Credentials {
  /** `https://host:port`, possibly with a path. */
  readonly server: string
  /** The namespace of the kubeconfig's context or of our own pod, where there is one. */
  readonly namespace: string | undefined
  /** Files and plugins are asked anew every 30 s at most. Throws when they fail and nothing is known yet. */
  identity(): Promise<Identity>
  /** Asks files and plugins at once, since the server has just refused what we had. */
  refresh(): Promise<Identity>
}

export interface CredentialsOptions {
  /** Path of a kubeconfig; without one `KUBECONFIG`, then the pod's service account, then ~/.kube/config. */
  kubeconfig?: string | undefined
  /** Default /var/run/secrets/kubernetes.io/serviceaccount. */
  serviceAccountDirectory?: string | undefined
  environment: Record<string, string | undefined>
  clock?: Clock
}

const sentences = {
  NoCredentials:
    'There is no way to the cluster: set KUBECONFIG, or run in a pod with a service account (KUBERNETES_SERVICE_HOST).',
  NoCluster: 'The kubeconfig names no current cluster. Set one with `kubectl config use-context`.',
  ProxyUnsupported: 'The kubeconfig asks for a proxy (proxy-url), which is not supported. Reach the server directly.',
  Unreadable: 'The credentials could not be read.',
} as const
export type CredentialsErrorCode = keyof typeof sentences

export class CredentialsError extends Error {
  override readonly name = 'CredentialsError'
  readonly code: CredentialsErrorCode

  constructor(code: CredentialsErrorCode, cause?: unknown) {
    super(sentences[code], cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** Tokens are rotated minutes before they expire, so half a minute late is early enough. */
const REREAD_SECONDS = 30
const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount'

/** Throws `CredentialsError`. */
export async function loadCredentials(options: CredentialsOptions): Promise<Credentials> {
  const { environment, clock = systemClock } = options
  const kubeconfig = options.kubeconfig ?? environment.KUBECONFIG
  const ownKubeconfig = join(environment.HOME ?? homedir(), '.kube', 'config')

  if (kubeconfig) return await kubeconfigCredentials(kubeconfig, clock)
  if (environment.KUBERNETES_SERVICE_HOST) {
    return await podCredentials(options.serviceAccountDirectory ?? SERVICE_ACCOUNT_DIRECTORY, environment, clock)
  }
  if (existsSync(ownKubeconfig)) return await kubeconfigCredentials(ownKubeconfig, clock)
  throw new CredentialsError('NoCredentials')
}

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
async function podCredentials(
  directory: string,
  environment: Record<string, string | undefined>,
  clock: Clock,
): Promise<Credentials> {
  const host = environment.KUBERNETES_SERVICE_HOST ?? ''
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${environment.KUBERNETES_SERVICE_PORT ?? '443'}`
  const namespace = await readFile(join(directory, 'namespace'), 'utf8').catch(() => undefined)
  const read = async (): Promise<Identity> => {
    const [ca, token] = await Promise.all([
      readFile(join(directory, 'ca.crt'), 'utf8'),
      readFile(join(directory, 'token'), 'utf8'),
    ])
    return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } }
  }
  return await remembered({ server, namespace: namespace?.trim(), clock, read, reload: async () => {} })
}

async function kubeconfigCredentials(paths: string, clock: Clock): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node')
  const load = () => {
    const named = paths.split(delimiter).filter(path => path !== '')
    const present = named.filter(path => existsSync(path))
    const files = (present.length === 0 ? named : present).map(path => {
      const file = new KubeConfig()
      file.loadFromFile(path)
      return file
    })
    // client-node's own merge refuses what two files name; kubectl takes the first file's word, and passes over absent files:
    // https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
    const merged = new KubeConfig()
    merged.loadFromOptions({
      clusters: firstOfEachName(files.flatMap(({ clusters }) => clusters)),
      users: firstOfEachName(files.flatMap(({ users }) => users)),
      contexts: firstOfEachName(files.flatMap(({ contexts }) => contexts)),
      currentContext: files.find(({ currentContext }) => currentContext)?.currentContext ?? '',
    })
    return merged
  }

  let config = wrapped(load)
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new CredentialsError('NoCluster')
  if (cluster.proxyUrl) throw new CredentialsError('ProxyUnsupported')
  const read = async (): Promise<Identity> => {
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options) // Runs exec plugins, whose answer it keeps until that expires.
    return identityOf(options)
  }
  const reload = async () => {
    config = load() // Forgets what plugins said, and sees an edited file.
  }
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace
  return await remembered({ server: cluster.server.replace(/\/+$/, ''), namespace, clock, read, reload })
}

function firstOfEachName<T extends { name: string }>(items: readonly T[]): T[] {
  return items.filter(({ name }, index) => items.findIndex(each => each.name === name) === index)
}

function identityOf(options: RequestOptions): Identity {
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)])
  if (options.auth) headers.push(['authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`])
  const { ca, cert, key, servername, rejectUnauthorized } = options
  const material = Object.entries({ ca, cert, key, servername, rejectUnauthorized })
  return {
    headers: Object.fromEntries(headers),
    tls: Object.fromEntries(material.filter(([, value]) => value !== undefined)),
  }
}

function wrapped<T>(load: () => T): T {
  try {
    return load()
  } catch (cause) {
    throw new CredentialsError('Unreadable', cause)
  }
}

interface Source {
  server: string
  namespace: string | undefined
  clock: Clock
  read: () => Promise<Identity>
  reload: () => Promise<void>
}

/** Keeps the last identity while a re-read fails: a file half written must not cost a working connection. */
async function remembered({ server, namespace, clock, read, reload }: Source): Promise<Credentials> {
  let known: Identity | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let reading: Promise<Identity> | undefined

  const reread = async (): Promise<Identity> => {
    readAt = clock.monotonic()
    try {
      const next = await read()
      const tls = isDeepStrictEqual(known?.tls, next.tls) && known !== undefined ? known.tls : next.tls
      if (known === undefined || known.tls !== tls || !isDeepStrictEqual(known.headers, next.headers)) {
        known = { headers: next.headers, tls }
      }
    } catch (cause) {
      if (known === undefined) throw new CredentialsError('Unreadable', cause)
    } finally {
      reading = undefined
    }
    return known
  }
  const identity = async () => {
    if (known !== undefined && clock.monotonic() - readAt < REREAD_SECONDS * 1000) return known
    reading ??= reread()
    return await reading
  }
  const refresh = async () => {
    await reload().catch(() => {}) // What was loaded before still stands.
    reading ??= reread()
    return await reading
  }

  await identity() // Wrong credentials stop a program at its start.
  return { server, namespace, identity, refresh }
}
