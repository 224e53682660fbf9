// The API as the process that it is, over a real API server, Postgres, Redis and the simulators. There is no operator: a
// test writes a GameSession's status in its place.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { startCluster } from '../../demo/cluster/cluster.ts'
import { freePort } from '../../demo/stack/ports.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { startRedis } from '../../demo/stack/redis.ts'
import { connect } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { guestSigner } from './guest-signer.ts'
import { startRazorpay } from './razorpay.ts'
import { startTelegram } from './telegram.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const NAMESPACE = 'play'
/** Seconds for the API to come up, or to end, on a busy machine. */
const PATIENCE_SECONDS = 45

export interface Outcome {
  code: number | null
  /** Standard output and error. */
  said: string
}

/** Runs the program to its end. */
export async function runToEnd(args: readonly string[], environment: Record<string, string>): Promise<Outcome> {
  const child = launch(args, environment)
  const [said, told, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { code, said: said + told }
}

function launch(args: readonly string[], environment: Record<string, string>) {
  return spawn(process.execPath, ['api/main.ts', ...args], {
    cwd: root,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export type World = Awaited<ReturnType<typeof startWorld>>

/** All that the API needs, and an environment for it. */
export async function startWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'wasd-api-'))
  const [cluster, postgres, redis, telegram, razorpay] = await Promise.all([
    startCluster({ folder: join(folder, 'cluster'), controllerManager: false }),
    startPostgres({ folder: join(folder, 'postgres') }),
    startRedis({ folder: join(folder, 'redis') }),
    startTelegram(),
    startRazorpay(),
  ])
  for (const file of ['wasd.cloud_gamesessions.yaml', 'wasd.cloud_gpuvms.yaml']) {
    const crd = parse(readFileSync(join(root, 'crds', file), 'utf8'))
    await cluster.api.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
  }
  const guests = await guestSigner(folder)
  await cluster.createNamespace(NAMESPACE)
  const credentials = await loadCredentials({ kubeconfig: cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'test' })

  const [port, metricsPort] = [await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}`
  const environment = {
    LOG_LEVEL: 'info',
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    KUBECONFIG: cluster.kubeconfig,
    CATALOGUE_FILE: join(root, 'manifests/catalogue.yaml'),
    API_PORT: String(port),
    METRICS_PORT: String(metricsPort),
    PUBLIC_URL: url,
    SESSION_NAMESPACE: NAMESPACE,
    DATABASE_URL: postgres.url('wasd_api'),
    MIGRATE_DATABASE_URL: postgres.ownerUrl('wasd_api'),
    REDIS_URL: redis.url,
    TELEGRAM_BOT_TOKEN: telegram.token,
    TELEGRAM_WEBHOOK_SECRET: 'the-secret-of-this-webhook',
    TELEGRAM_API_ROOT: telegram.apiRoot,
    RAZORPAY_KEY_ID: razorpay.keyId,
    RAZORPAY_KEY_SECRET: razorpay.keySecret,
    RAZORPAY_WEBHOOK_SECRETS: razorpay.webhookSecret,
    RAZORPAY_ACCOUNT_ID: razorpay.accountId,
    RAZORPAY_BASE_URL: razorpay.baseUrl,
    TOKEN_KEYS: randomBytes(32).toString('base64'),
    GUEST_KEYS_FILE: guests.file,
    DEFAULT_REGIONS: 'centralindia',
  }
  await razorpay.control('POST', '/webhook', { url: `${url}/webhooks/razorpay` })

  return {
    ...{ url, environment, cluster, postgres, redis, telegram, razorpay, kube, guests, namespace: NAMESPACE },
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    /** The sessions in the cluster. */
    async sessions(): Promise<GameSession[]> {
      return (await kube.list(gameSessions, { namespace: NAMESPACE })).items
    },
    /** Writes into the status as the operator would; `null` takes a field away. */
    async report(name: string, status: Record<string, unknown>): Promise<void> {
      const reference = { namespace: NAMESPACE, name }
      await kube.mergePatch(gameSessions, reference, { status }, { subresource: 'status' })
    },
    async stop() {
      await kube.close()
      await Promise.all([cluster.stop(), postgres.stop(), redis.stop(), telegram.stop(), razorpay.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export type Program = Awaited<ReturnType<typeof startProgram>>

/** `serve`, once it is ready. */
export async function startProgram(world: World) {
  const child = launch(['serve'], world.environment)
  const said = Promise.all([text(child.stdout), text(child.stderr)])
  const ended = once(child, 'exit')
  for (let left = PATIENCE_SECONDS * 10; !(await isReady(world.url)); left -= 1) {
    if (left > 0 && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 100))
    else {
      child.kill('SIGKILL')
      throw new Error(`The API did not become ready, and said:\n${(await said).join('')}`)
    }
  }
  return {
    async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Outcome> {
      return await end(child, signal, { ended, said })
    },
  }
}

async function isReady(url: string): Promise<boolean> {
  return await fetch(`${url}/readyz`).then(
    reply => reply.ok,
    () => false,
  )
}

async function end(
  child: ChildProcess,
  signal: NodeJS.Signals,
  { ended, said }: { ended: Promise<unknown>; said: Promise<string[]> },
): Promise<Outcome> {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
  await ended
  return { code: child.exitCode, said: (await said).join('') }
}
