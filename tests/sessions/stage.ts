// The stage of these tests: a real API server, a real Postgres, and the parts of the API that keep sessions going. Whoever
// tests plays the operator by writing the GameSession's status, as it would.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { parse } from 'yaml'
import type { Player } from '../../api/players/players.ts'
import { type Notification, notificationSchema } from '../../api/queue/notifications.ts'
import { work } from '../../api/queue/worker.ts'
import { FIELD_MANAGER, SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import type { SessionsOutside } from '../../api/sessions/outside.ts'
import { sessionParts } from '../../api/sessions/runnables.ts'
import { objectNameOf, type Session, sessionById } from '../../api/sessions/session.ts'
import { type StartOrder, start } from '../../api/sessions/starting.ts'
import { type Catalogue, parseCatalogue } from '../../crds/catalogue.ts'
import { type GameSession, type GameSessionStatus, gameSessions } from '../../crds/types/gamesession.ts'
import { startCluster } from '../../demo/cluster/cluster.ts'
import { findTools } from '../../demo/cluster/tools.ts'
import { command, succeed } from '../../demo/stack/commands.ts'
import { connect } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { isKubeError } from '../../lib/kube/errors.ts'
import { manager } from '../../lib/kube/manager.ts'
import { kubeMetrics } from '../../lib/kube/metrics.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { brokenInvariants, fundedPlayer, openBooks, type Raised, raising, sessionTerms } from '../money/books.ts'
import { patientFor } from '../until.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const PATIENCE_SECONDS = 20
const NAMESPACE = 'games'

export type Stage = Awaited<ReturnType<typeof startStage>>

export async function startStage() {
  mkdirSync(join(root, '.run'), { recursive: true })
  const folder = mkdtempSync(join(root, '.run/sessions-'))
  const tools = await findTools()
  const [books, cluster] = await Promise.all([openBooks(), startCluster({ folder, controllerManager: false })])
  const credentials = await loadCredentials({ kubeconfig: cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'wasd-api' })
  const definition = parse(readFileSync(join(root, 'crds/wasd.cloud_gamesessions.yaml'), 'utf8'))
  await cluster.api.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  await cluster.createNamespace(NAMESPACE)

  const { database } = books
  const raised: Raised[] = []
  const outcomes: string[] = []
  const outside: SessionsOutside = {
    database,
    kube,
    clock: systemClock,
    log: raising(raised),
    settings: { namespace: NAMESPACE, holdBlockSeconds: 900, ttlSeconds: 3600, ...sessionTerms },
  }
  const commands = {
    ...{ database, catalogue: (): Catalogue => catalogue },
    ...{ holdBlockSeconds: 900, defaultRegions: ['nowhere', 'centralindia'] },
  }
  let stopApi: (() => Promise<void>) | undefined

  const reference = (sessionId: string) => ({ namespace: NAMESPACE, name: objectNameOf(sessionId) })
  const object = async (sessionId: string) => await kube.get(gameSessions, reference(sessionId))

  const until = patientFor(PATIENCE_SECONDS, { account })

  async function account(): Promise<string> {
    const { items } = await kube.list(gameSessions, { namespace: NAMESPACE })
    const rows = await database`SELECT * FROM sessions WHERE ended_at IS NULL`
    const waiting = await database`SELECT topic, key, attempts, last_error FROM queue_items`
    const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
    return JSON.stringify({ objects: items, rows, waiting }, plain, 1)
  }

  await until('GameSessions are served', async () => {
    try {
      return await kube.list(gameSessions, { namespace: NAMESPACE })
    } catch (error) {
      if (isKubeError(error)) return undefined // Not known yet, or its storage is being set up.
      throw error
    }
  })

  /** Somebody starts to play. */
  const play = async (order: { playerId: string } & Partial<StartOrder>) =>
    await start(commands, { game: 'quake', tier: 'standard', now: new Date(), ...order })

  const made = async (sessionId: string): Promise<GameSession> =>
    await until('the session is applied', async () => await object(sessionId))

  /** Writes as the operator does: the whole status, over what is there. */
  async function operator(sessionId: string, status: GameSessionStatus): Promise<void> {
    await until('the status is taken', async () => {
      const current = await object(sessionId)
      if (!current) return undefined
      try {
        return await kube.replaceStatus(gameSessions, { ...current, status })
      } catch (error) {
        if (isKubeError(error, 'Conflict')) return undefined
        throw error
      }
    })
  }

  const seen = async ({ id }: Pick<Session, 'id'>, what: string, is: (session: Session) => boolean) =>
    await until(what, async () => {
      const session = await sessionById(database, id)
      return session && is(session) && session
    })

  return {
    ...{ kube, database, outside, raised, outcomes, until, object, reference, play, made, operator, seen },
    ownerUrl: books.ownerUrl,
    /** What a player's commands stand on. */
    commands,
    /** The API comes up; running already, it is left alone. */
    up() {
      stopApi ??= run(outside, outcome => void outcomes.push(outcome))
    },
    async down() {
      await stopApi?.()
      stopApi = undefined
    },
    /** As an SRE, who has set an editor. Throws what it says when it fails. */
    async kubectl(args: string[], { input, editor }: { input?: string; editor?: string } = {}): Promise<void> {
      const environment = { KUBECONFIG: cluster.kubeconfig, HOME: folder, PATH: process.env.PATH, KUBE_EDITOR: editor }
      const run = command({ file: tools.kubectl, args: ['--namespace', NAMESPACE, ...args], input, environment })
      await succeed(run, `kubectl ${args.join(' ')}`)
    },
    /** A session that was seen to be played for so long, in closed intervals. */
    async played(seconds: number, { id: playerId }: Player): Promise<Session> {
      const session = await play({ playerId })
      await made(session.id)
      await operator(session.id, playing({ seconds, since: ago(5) }))
      // What is queued still is not sent again: its object was there before its item was gone.
      await until('its order is done', async () => {
        return (await database`SELECT FROM queue_items WHERE key = ${session.id} AND dead_at IS NULL`).length === 0
      })
      return await seen(session, 'it is played', ({ told }) => told === 'Ready')
    },
    settled: async ({ id }: Session) =>
      await until('the session is settled', async () => {
        const session = await sessionById(database, id)
        return session?.endedAt !== undefined && session
      }),
    freed: async ({ id }: Session) =>
      await until('the finalizer is off', async () => {
        return !(await object(id))?.metadata.finalizers?.includes(SETTLEMENT_FINALIZER)
      }),
    /** How often the API has applied what the session is, which says nothing of its player's commands. */
    async identitiesApplied({ id }: Session): Promise<number> {
      const request = new RegExp(
        `ResponseComplete.*/gamesessions/${objectNameOf(id)}\\?[^"]*fieldManager=${FIELD_MANAGER}"`,
      )
      return readFileSync(cluster.auditLog, 'utf8')
        .split('\n')
        .filter(line => request.test(line)).length
    },
    /** What the player was told so far, in order. */
    async told(playerId: string): Promise<Notification[]> {
      const rows = await database<{ notification: unknown }[]>`
        SELECT payload -> 'notification' AS notification FROM queue_items
        WHERE topic = 'telegram.notification' AND key = ${playerId} ORDER BY id`
      return rows.map(({ notification }) => notificationSchema.parse(notification))
    },
    async stop() {
      await stopApi?.()
      await kube.close()
      await books.stop()
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One stage for all tests of a file, the books in order at its end; before each of them the API is up, and a player has ₹500. */
export function onStage(begins: (stage: Stage, player: Player) => void): void {
  let stage: Stage
  beforeAll(async () => {
    stage = await startStage()
  })
  afterAll(async () => {
    expect(await brokenInvariants(stage.database)).toEqual([])
    await stage.stop()
  })
  beforeEach(async () => {
    stage.raised.length = 0
    stage.outcomes.length = 0
    stage.up()
    begins(stage, await fundedPlayer(stage.database, 50_000n))
  })
}

export const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString().replace(/\.\d+/, '')
export const endpoint = { host: '127.64.1.9' }
/** Long enough ago for whatever was played here. */
const ready = { readyAt: ago(3600) }
export const playing = (billing: GameSessionStatus['billing']): GameSessionStatus => ({
  phase: 'Running',
  endpoint,
  ...(billing && { ...ready, billing }),
})
export const over = (seconds: number): GameSessionStatus => ({
  phase: 'Ending',
  endReason: 'PlayerEnded',
  ...(seconds > 0 && ready),
  billing: { seconds, final: true },
})

/** `onOutcome` is told of each item that is through with. */
function run(outside: SessionsOutside, onOutcome: (outcome: string) => void): () => Promise<void> {
  const { database, clock, log } = outside
  const runtime = {
    clock: systemClock,
    random: Math.random,
    log,
    metrics: kubeMetrics(new Registry()),
    development: true,
  }
  const { reflector, runnables, handler } = sessionParts(outside, runtime)
  const stopping = new AbortController()
  const running = Promise.all([
    manager({ runtime, reflectors: [reflector], controllers: runnables }).run(stopping.signal),
    work(
      {
        ...{ database, clock, log, random: Math.random, pollSeconds: 0.2 },
        backoff: { initialSeconds: 0.1, maximumSeconds: 1 },
        handlers: { 'kubernetes.session': handler },
        onOutcome: ({ outcome }) => onOutcome(outcome),
      },
      stopping.signal,
    ),
  ])
  return async () => {
    stopping.abort()
    await running
  }
}

const subscription = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/games'
const catalogue = parseCatalogue(`
games:
  quake: { title: Quake, image: windows, tiers: [standard] }
tiers:
  standard: { title: Standard, pricePaisePerHour: 9000, sizes: [Standard_NV12ads_A10_v5] }
  ultra: { title: Ultra, pricePaisePerHour: 24000, sizes: [Standard_NV12ads_A10_v5] }
sizes:
  Standard_NV12ads_A10_v5: { driverClass: grid, family: F, vcpus: 12 }
images:
  windows:
    id: ${subscription}/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0
    osType: Windows
    driverClass: grid
regions:
  centralindia:
    title: Pune
    subscriptionId: 00000000-0000-4000-8000-000000000001
    resourceGroup: games
    subnetId: ${subscription}/providers/Microsoft.Network/virtualNetworks/n/subnets/s
    probeCIDRs: [203.0.113.0/24]
`)
