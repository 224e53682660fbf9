// What happens to the books' world in a time of chaos: API processes die and come back, Postgres goes twice, Redis is away
// for half of it; and the players, each with a life of their own and an app in their hand, who are heard by none but the API.
import { price } from '../../api/wallet/price.ts'
import { creditPromotion } from '../../api/wallet/wallet.ts'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Random } from '../../demo/simulators/random.ts'
import type { Member } from '../../demo/stack/member.ts'
import type { Pod } from '../../demo/stack/pod.ts'
import type { Stack } from '../../demo/stack/stack.ts'
import type { Database } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'
import { type App, type Doors, openApp } from './chaos-app.ts'

/** What a player does while all around them falls and rises. */
export type Life = 'RunsOut' | 'TopsUp' | 'Stops' | 'Pauses' | 'PausesAndResumes' | 'PlaysOn' | 'ComesLate'

export interface ChaosPlayer {
  id: string
  life: Life
  app: App
  wish: { game: string; tier: string }
  /** What was ever put into the wallet, in paise. */
  putInPaise: bigint
}

/** Paise: the least that can be paid in. */
const TOP_UP_PAISE = 10_00
/** Longer than any hold of these players: they play on until they are stopped. */
const PLENTY_SECONDS = 3600
/** Seconds between two kills of an API process, at least and at most. */
const KILL_SECONDS = [0.5, 3] as const

const wishes = [
  { game: 'paper-kingdoms', tier: 'light' },
  { game: 'neon-rally', tier: 'standard' },
  { game: 'neon-rally', tier: 'ultra' },
] as const

/** Signs a player in, and gives them a wallet for so many seconds of play: a gift, which may be of any size. */
export async function arrives(
  outside: { doors: Doors; database: Database; catalogue: Catalogue },
  order: { index: number; life: Life; walletSeconds: number },
): Promise<ChaosPlayer> {
  const { doors, database, catalogue } = outside
  const { index, life, walletSeconds } = order
  const wish = wishes[index % wishes.length] ?? wishes[0]
  const app = await openApp(doors, { index })
  const { playerId: id } = app

  const ratePaisePerHour = BigInt(catalogue.tiers[wish.tier]?.pricePaisePerHour ?? 0)
  // The price of the seconds rounds down: a paisa more, and they can be paid for.
  const amountPaise = price({ ratePaisePerHour, seconds: BigInt(walletSeconds) }) + 1n
  const gift = { reason: 'Welcome', idempotencyKey: `welcome:${id}`, expiresAt: undefined, now: clock.now() }
  await creditPromotion(database, { playerId: id, amountPaise, ...gift })
  return { id, life, app, wish, putInPaise: amountPaise }
}

/** How many seconds of play a player comes with. */
export function walletSeconds(life: Life, scarce: { least: number; most: number }, random: Random): number {
  return isShortOfMoney(life) ? random.integer(scarce.least, scarce.most) : PLENTY_SECONDS
}

export function isShortOfMoney(life: Life): boolean {
  return life === 'RunsOut' || life === 'TopsUp'
}

/** Lives it, within so many seconds. Resolves when the last command was heard. */
export async function lives(
  player: ChaosPlayer,
  { seconds, random }: { seconds: number; random: Random },
): Promise<void> {
  const { app, wish } = player
  /** Some moment of what is left of the time. */
  const end = clock.monotonic() + seconds * 1000
  const sometime = async () => await clock.sleep(Math.max(0, random.fraction() * (end - clock.monotonic())))

  await sometime()
  switch (player.life) {
    case 'RunsOut':
    case 'PlaysOn':
      return
    case 'ComesLate':
      return await app.starts(wish)
    case 'TopsUp':
      await app.topsUp(TOP_UP_PAISE)
      player.putInPaise += BigInt(TOP_UP_PAISE)
      return
    case 'Stops':
      return await app.commands('end')
    case 'Pauses':
      return await app.commands('pause')
    case 'PausesAndResumes':
      await app.commands('pause')
      await sometime()
      return await app.commands('resume')
    default:
      return player.life satisfies never
  }
}

export interface Damage {
  apiKills: number
  postgresRestarts: number
  redisStops: number
}

/**
 * Strikes for so long, and on until so many processes were killed: on a busy machine fewer come up in the time. Everything
 * stands again when it resolves.
 */
export async function strikes(
  { api, postgres, redis }: Pick<Stack, 'api' | 'postgres' | 'redis'>,
  { seconds, leastKills, random }: { seconds: number; leastKills: number; random: Random },
): Promise<Damage> {
  const damage: Damage = { apiKills: 0, postgresRestarts: 0, redisStops: 0 }
  const begun = clock.monotonic()
  const at = async (share: number) => await clock.sleep(Math.max(0, begun + share * seconds * 1000 - clock.monotonic()))

  const killing = async () => {
    for (;;) {
      const [least, most] = KILL_SECONDS
      await clock.sleep((least + random.fraction() * (most - least)) * 1000)
      if (clock.monotonic() - begun > seconds * 1000 && damage.apiKills >= leastKills) return
      // Who has only begun has nothing in its hands; and none could ever come up on a machine that is slow.
      const up = (await Promise.all(api.map(async pod => ((await isUp(pod)) ? pod : [])))).flat()
      const pod = up[random.integer(0, up.length - 1)]
      if (!pod) continue
      pod.kill('SIGKILL')
      damage.apiKills += 1
    }
  }
  const restarting = async () => {
    await at(1 / 3)
    await postgres.server.stop()
    await postgres.server.start()
    damage.postgresRestarts += 1
    await at(2 / 3)
    await killed(postgres.server)
    await postgres.server.start()
    damage.postgresRestarts += 1
  }
  const stopping = async () => {
    await at(1 / 4)
    await redis.server.stop()
    damage.redisStops += 1
    await at(3 / 4)
    await redis.server.start()
  }
  await Promise.all([killing(), restarting(), stopping()])
  await Promise.all(api.map(pod => pod.untilReady()))
  return damage
}

/** Not whether it is ready: that it is not without Postgres, and is killed all the same. */
async function isUp(pod: Pod): Promise<boolean> {
  const signal = AbortSignal.timeout(1000)
  return await fetch(new URL('/healthz', pod.url('http')), { signal }).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function killed(server: Member): Promise<void> {
  server.kill('SIGKILL')
  await server.ended()
}
