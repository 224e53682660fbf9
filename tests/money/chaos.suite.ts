// The promise about money, kept in chaos, for any size of it. The figures are the operator's own: nobody here writes a
// status. What is believed at the end is what the stores say: the objects, the books, Azure's feed of its machines.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { type GameSession, gameSessions } from '../../crds/types/gamesession.ts'
import { REPOSITORY } from '../../demo/cluster/folders.ts'
import { type Control, control } from '../../demo/evening/control.ts'
import { type Random, seededRandom } from '../../demo/simulators/random.ts'
import { command } from '../../demo/stack/commands.ts'
import { type Stack, startStack } from '../../demo/stack/stack.ts'
import { connect as connectDatabase, type Database } from '../../lib/database/pool.ts'
import { connect, type KubeClient } from '../../lib/kube/client.ts'
import { loadCredentials } from '../../lib/kube/credentials.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { type AzureState, isEmpty } from '../proof/dump.ts'
import { arrives, type ChaosPlayer, isShortOfMoney, type Life, lives, strikes, walletSeconds } from './chaos.ts'
import { type Bill, billsOf, moneyOf, type Ran, ranByPlayer } from './chaos-account.ts'

export interface ChaosOptions {
  /** Live ones, when it begins. */
  sessions: number
  /** Those that are started in the midst of it. */
  late: number
  /** What players do, in turn. */
  lives: readonly Life[]
  /** Seconds of play that whoever is to run out, or to top up, comes with; no less than a session's 60. */
  scarce: { least: number; most: number }
  chaosSeconds: number
  /** Kills at least, or it was no chaos: on a machine that is busy it lasts for as long as they take. */
  leastKills: number
  seed: number
  /** For machines that are busy with something else. */
  timeoutSeconds: number
}

/** Azure's delays pass so many times as fast. */
const SPEED = 60
/**
 * Free seconds after the paid ones, fewer than the chart gives. What is paid until then reaches the cluster within them,
 * whatever is killed on the way: what a killed process had in its hands is taken up by the next one after 5 s of lease, and
 * for all that the strikes do a replica is up again within some seconds. That may well happen three times in a row.
 */
const GRACE_SECONDS = 45
/** Small, so that holds grow, and `paidSeconds` with them, while it rages: once half of it is played. */
const BLOCK_SECONDS = 120
/** Seconds by which one boot of a machine may run beyond its play: booting, the probe that finds it playable, deleting. */
const AROUND_PLAY_SECONDS = 30
const PATIENCE_SECONDS = 150
const LOOK_MILLISECONDS = 250

/** Every look of the operator costs a request a machine: seldom enough for a fleet on two cores. */
const intervals = { operationPollSeconds: 0.5, fleetPollSeconds: 2, probeSeconds: 3, quotaSeconds: 10 }
const azureOptions = [
  ...['--throttling', 'off', '--public-ip-range', '127.96.0.0/20'],
  ...['cores', 'lowPriorityCores', 'StandardNVADSA10v5Family', 'Standard NCASv3_T4 Family'].flatMap(name => [
    ...['--quota', `*/${name}=1000000`],
  ]),
]

interface World {
  stack: Stack
  database: Database
  kube: KubeClient
  azure: Control
  telegram: Control
  close(): Promise<void>
}

async function openWorld(): Promise<World> {
  const stack = await startStack({
    speed: SPEED,
    replicas: { api: 2 },
    controllerManager: false,
    restart: { firstSeconds: 0.2, maximumSeconds: 1 },
    simulators: { azure: azureOptions, razorpay: ['--retry-scale', '0.01'] },
    values: { operator: { intervals, paidGraceSeconds: GRACE_SECONDS }, api: { holdBlockSeconds: BLOCK_SECONDS } },
  })
  const database = connectDatabase(stack.postgres.url('wasd_api'), { max: 20, applicationName: 'chaos' })
  const credentials = await loadCredentials({ kubeconfig: stack.cluster.kubeconfig, environment: {} })
  const kube = connect(credentials, { userAgent: 'chaos' })
  const azure = control(stack.urls.azure, stack.simulators.azure.greeting.ca)
  const telegram = control(stack.urls.telegram)
  return {
    ...{ stack, database, kube, azure, telegram },
    async close() {
      await Promise.all([database.end({ timeout: 5 }), kube.close(), azure.close(), telegram.close()])
      await stack.remove()
    },
  }
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const deadline = clock.monotonic() + PATIENCE_SECONDS * 1000; !(await look()); ) {
    if (clock.monotonic() > deadline) throw new Error(`This did not come in ${PATIENCE_SECONDS} s: ${what}.`)
    await clock.sleep(LOOK_MILLISECONDS)
  }
}

/** What a person runs to have the books proved, as a process of its own. */
async function ledgerCheck({ stack }: World): Promise<{ code: number; said: string }> {
  const environment = { PATH: process.env.PATH, DATABASE_URL: stack.postgres.url('wasd_api') }
  const args = [join(REPOSITORY, 'api', 'main.ts'), 'ledger', 'check']
  const { code, stdout, stderr } = await command({ file: process.execPath, args, environment })
  return { code, said: `${stdout}${stderr}`.trim() }
}

function castOf({ sessions, late, lives }: ChaosOptions): { index: number; life: Life }[] {
  const lifeOf = (index: number) => (index < sessions ? (lives[index % lives.length] ?? 'PlaysOn') : 'ComesLate')
  return Array.from({ length: sessions + late }, (_, index) => ({ index, life: lifeOf(index) }))
}

/** How many sessions the API knows to be played now, ever, or to be over; and how many payments it has credited. */
async function count(database: Database, what: 'playing' | 'played' | 'ended' | 'credited'): Promise<number> {
  const [row] = await database<Record<typeof what, number>[]>`
    SELECT count(*) FILTER (WHERE seen_since IS NOT NULL AND ended_at IS NULL)::int AS playing,
      count(*) FILTER (WHERE seen_ready_at IS NOT NULL)::int AS played,
      count(*) FILTER (WHERE ended_at IS NOT NULL)::int AS ended,
      (SELECT count(*) FROM payments)::int AS credited FROM sessions`
  return row?.[what] ?? 0
}

/** Whether a machine still runs, or ran on for longer than was paid. */
function ranOn({ toldSeconds }: Bill, ran: Ran | undefined): boolean {
  if (!ran || ran.isRunning) return true
  return ran.seconds > Number(toldSeconds) + GRACE_SECONDS + ran.boots * AROUND_PLAY_SECONDS
}

interface Stage {
  world: World
  options: ChaosOptions
  tell(what: string): void
}

/**
 * Everybody, with an app and a wallet; all but the late play. Whose seconds are few start first, for it is their end that is
 * waited for: with the grace they last until all play, and until the top-ups are credited, and well beyond.
 */
async function everybodyEnters(stage: Stage & { luckOf(whom: string): Random }): Promise<ChaosPlayer[]> {
  const { world, options, tell, luckOf } = stage
  const { stack, database, telegram } = world
  const catalogue = parseCatalogue(readFileSync(join(REPOSITORY, 'manifests', 'catalogue.yaml'), 'utf8'))
  const outside = { database, catalogue, doors: { telegram, api: stack.api } }
  const arriving = castOf(options).map(async ({ index, life }) => {
    const purse = walletSeconds(life, options.scarce, luckOf(`wallet ${index}`))
    return await arrives(outside, { index, life, walletSeconds: purse })
  })
  const players = await Promise.all(arriving)
  tell('everybody has a wallet')
  let live = 0
  for (const isScarce of [true, false]) {
    const entering = players.filter(({ life }) => isShortOfMoney(life) === isScarce && life !== 'ComesLate')
    await Promise.all(entering.map(({ app, wish }) => app.starts(wish)))
    live += entering.length
    await until(`${live} sessions are played`, async () => (await count(database, 'playing')) === live)
    tell(`${live} of ${options.sessions} sessions are played`)
  }
  return players
}

/** What each was charged, beside what it had to be; how long each machine ran; and where all the money is. */
async function accountHolds(
  stage: Stage & { players: readonly ChaosPlayer[]; objects: readonly GameSession[] },
): Promise<void> {
  const { world, players, objects, options, tell } = stage
  const { database, azure } = world
  const bills = await billsOf(database, { objects, graceSeconds: GRACE_SECONDS })
  expect(bills).toHaveLength(options.sessions + options.late)
  expect(bills.map(({ asFound }) => asFound)).toEqual(bills.map(({ asDue }) => asDue))
  // The cluster lets nobody play what is not held, and nobody plays more than that and the grace.
  expect(bills.filter(({ toldSeconds, paidSeconds }) => toldSeconds > paidSeconds)).toEqual([])
  expect(bills.filter(({ seconds, toldSeconds }) => seconds > toldSeconds + BigInt(GRACE_SECONDS))).toEqual([])
  // Nobody is cut off who could pay for more: whose session lapsed was told of all that the wallet could bear.
  expect(bills.filter(({ reachSeconds = 0n, toldSeconds }) => reachSeconds > toldSeconds)).toEqual([])

  const ran = await ranByPlayer(azure)
  expect([...ran.keys()].toSorted()).toEqual(players.map(({ id }) => id).toSorted())
  expect(bills.filter(bill => ranOn(bill, ran.get(bill.playerId)))).toEqual([])

  const putIn = players.reduce((sum, { putInPaise }) => sum + putInPaise, 0n)
  const charged = bills.reduce((sum, { chargedPaise }) => sum + chargedPaise, 0n)
  expect(charged).toBeGreaterThan(0n)
  expect(await moneyOf(database)).toEqual({
    ...{ ledger: 0n, belowZero: 0n, held: 0n, openHolds: 0n, revenue: charged },
    wallets: putIn - charged,
  })
  expect(await ledgerCheck(world)).toEqual({ code: 0, said: expect.stringMatching(/^The books are in order/) })

  const ends = Object.groupBy(bills, ({ endReason }) => endReason)
  expect(Object.keys(ends)).toContain('PlayerEnded')
  if (options.lives.includes('RunsOut')) expect(Object.keys(ends)).toContain('PaidTimeUsed')
  const told = Object.entries(ends).map(([reason, some = []]) => `${some.length} ${reason}`)
  const grown = bills.filter(({ toldSeconds }) => toldSeconds > BigInt(BLOCK_SECONDS)).length
  tell(`charged ${charged} paise, ${grown} holds grew; ended: ${told.join(', ')}`)
}

export function chargedExactlyInChaos(options: ChaosOptions): void {
  const { sessions, late, chaosSeconds, leastKills, seed, timeoutSeconds } = options
  const name = `I3, I4, I5: ${sessions} live sessions and ${late} that start are charged to the second while the APIs that players speak to are killed, Postgres restarts and Redis is away`
  test(name, { timeout: timeoutSeconds * 1000 }, async () => {
    const begun = clock.monotonic()
    const tell = (what: string) => console.log(`${((clock.monotonic() - begun) / 1000).toFixed(1)} s: ${what}`)
    tell(`seed ${seed}`)
    /** Each has a luck of their own: what is drawn does not hang on who comes first. */
    const luckOf = (whom: string) => seededRandom(`${whom} ${seed}`)
    const world = await openWorld()
    try {
      const { database, kube, azure, stack } = world
      tell('all is up')

      const players = await everybodyEnters({ world, options, tell, luckOf })

      const seconds = chaosSeconds
      const [damage] = await Promise.all([
        strikes(stack, { seconds, leastKills, random: luckOf('strikes') }),
        ...players.map((player, index) => lives(player, { seconds, random: luckOf(`life ${index}`) })),
      ])
      tell(
        `${JSON.stringify(damage)}; ${await count(database, 'playing')} are still played, ${await count(database, 'ended')} are over`,
      )
      expect(damage).toMatchObject({ postgresRestarts: 2, redisStops: 1 })
      expect(damage.apiKills).toBeGreaterThanOrEqual(leastKills)

      // Whoever is to run out does; the others go home, who came late once they have played.
      const goHome = async (going: readonly ChaosPlayer[]) =>
        await Promise.all(going.map(async ({ app }) => await app.commands('end')))
      const { ComesLate: cameLate = [], RunsOut: _, ...others } = Object.groupBy(players, ({ life }) => life)
      const latePlay = async () => (await count(database, 'played')) === sessions + late
      await Promise.all([
        goHome(Object.values(others).flat()),
        until('whoever came late plays', latePlay).then(async () => await goHome(cameLate)),
      ])
      tell('all but those who run out were sent home')
      const toppedUp = others.TopsUp?.length ?? 0
      await until('every payment is credited', async () => (await count(database, 'credited')) === toppedUp)
      await until('every session is over', async () => (await count(database, 'ended')) === sessions + late)
      tell('every session is over')
      await until('Azure is empty', async () => isEmpty(await azure.get<AzureState>('/simulator/state')))
      const listed = async () => (await kube.list(gameSessions, { namespace: stack.namespace })).items
      await until('every object says so', async () => (await listed()).every(({ status }) => status?.phase === 'Ended'))
      tell('Azure is empty, and every object says that it is over')

      await accountHolds({ world, players, objects: await listed(), options, tell })
    } finally {
      await world.close()
    }
  })
}
