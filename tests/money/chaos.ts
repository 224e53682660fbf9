// What happens to the books' world in a time of chaos: API processes die and come back, Postgres goes twice, Redis is away
// for half of it; and the players, each with a life of their own, who go on pressing their buttons until they are heard.
import { creditPayment } from '../../api/payments/crediting.ts'
import { createTopUp } from '../../api/payments/top-ups.ts'
import { findOrCreateByTelegram } from '../../api/players/players.ts'
import { type CommandOutside, pause, resume, stop } from '../../api/sessions/commands.ts'
import { SessionError } from '../../api/sessions/errors.ts'
import { start } from '../../api/sessions/starting.ts'
import { price } from '../../api/wallet/price.ts'
import { creditPromotion } from '../../api/wallet/wallet.ts'
import type { Random } from '../../demo/simulators/random.ts'
import type { Member } from '../../demo/stack/member.ts'
import type { Pod } from '../../demo/stack/pod.ts'
import type { Stack } from '../../demo/stack/stack.ts'
import { isAway } from '../../lib/database/away.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { systemClock as clock } from '../../lib/process/clock.ts'

/** What a player does while all around them falls and rises. */
export type Life = 'RunsOut' | 'TopsUp' | 'Stops' | 'Pauses' | 'PausesAndResumes' | 'PlaysOn'

export interface ChaosPlayer {
  id: string
  life: Life
  game: string
  tier: string
  /** What was ever put into the wallet, in paise. */
  putInPaise: bigint
}

/** Paise: the least that can be paid in. */
const TOP_UP_PAISE = 10_00n
/** Longer than any hold of these players: they play on until they are stopped. */
const PLENTY_SECONDS = 3600
/** Between two tries of somebody who gets no answer. */
const AGAIN_MILLISECONDS = 100
/** Seconds between two kills of an API process, at least and at most. */
const KILL_SECONDS = [0.5, 3] as const

const games = [
  { game: 'paper-kingdoms', tier: 'light' },
  { game: 'neon-rally', tier: 'standard' },
  { game: 'neon-rally', tier: 'ultra' },
] as const

/** Repeats what got no answer until it gets one; a refusal of ours is one. */
async function insisting<Done>(act: () => Promise<Done>): Promise<Done | undefined> {
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (error instanceof SessionError) return undefined
      if (!isAway(error)) throw error
      await clock.sleep(AGAIN_MILLISECONDS)
    }
  }
}

/** Makes a player with a wallet for `wallet.seconds` of play, who starts a session as the API would for them. */
export async function enters(
  outside: CommandOutside,
  order: { index: number; life: Life; walletSeconds: number },
): Promise<ChaosPlayer> {
  const { database, catalogue } = outside
  const { index, life, walletSeconds } = order
  const { game, tier } = games[index % games.length] ?? games[0]
  const telegramUserId = BigInt(5_000_000 + index)
  const now = clock.now()
  const person = { telegramUserId, telegramChatId: telegramUserId, firstName: `Player ${index}`, languageCode: 'en' }
  const { id } = await findOrCreateByTelegram(database, { ...person, now })

  const ratePaisePerHour = BigInt(catalogue().tiers[tier]?.pricePaisePerHour ?? 0)
  // The price of the seconds rounds down: a paisa more, and they can be paid for.
  const amountPaise = price({ ratePaisePerHour, seconds: BigInt(walletSeconds) }) + 1n
  const gift = { reason: 'Welcome', idempotencyKey: `welcome:${id}`, expiresAt: undefined }
  await creditPromotion(database, { playerId: id, amountPaise, ...gift, now })
  await start(outside, { playerId: id, game, tier, now })
  return { id, life, game, tier, putInPaise: amountPaise }
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
  outside: CommandOutside,
  player: ChaosPlayer,
  { seconds, random }: { seconds: number; random: Random },
): Promise<void> {
  const { database } = outside
  const { id: playerId } = player
  /** Some moment of what is left of the time. */
  const end = clock.monotonic() + seconds * 1000
  const sometime = async () => await clock.sleep(Math.max(0, random.fraction() * (end - clock.monotonic())))

  await sometime()
  switch (player.life) {
    case 'RunsOut':
    case 'PlaysOn':
      return
    case 'TopsUp':
      return await topsUp(outside, player)
    case 'Stops':
      return void (await insisting(() => stop({ database }, { playerId })))
    case 'Pauses':
      return void (await insisting(() => pause({ database }, { playerId })))
    case 'PausesAndResumes':
      await insisting(() => pause({ database }, { playerId }))
      await sometime()
      return void (await insisting(() => resume({ database }, { playerId })))
    default:
      return player.life satisfies never
  }
}

/** One payment, told until it is booked; told again after a commit that nobody heard of, it is booked no second time. */
async function topsUp({ database }: CommandOutside, player: ChaosPlayer): Promise<void> {
  const order = { playerId: player.id, amountPaise: TOP_UP_PAISE, payBy: { rail: 'Razorpay' } as const }
  const topUp = await insisting(() => createTopUp(database, { ...order, now: clock.now() }))
  if (!topUp) return
  const paid = { currency: 'INR', units: TOP_UP_PAISE } as const
  const payment = { id: `pay_${topUp.id}`, topUpId: topUp.id, paid, hasRefunds: false }
  const book = async () =>
    await inTransaction(database, transaction =>
      creditPayment(transaction, { rail: 'Razorpay', payment, now: clock.now() }),
    )
  await insisting(book)
  player.putInPaise += TOP_UP_PAISE
}

/** Whoever still plays goes home. */
export async function goesHome({ database }: CommandOutside, { id: playerId }: ChaosPlayer): Promise<void> {
  await insisting(() => stop({ database }, { playerId }))
}

export interface Damage {
  apiKills: number
  postgresRestarts: number
  redisStops: number
}

/** Strikes for so long; everything stands again when it resolves. */
export async function strikes(
  { api, postgres, redis }: Pick<Stack, 'api' | 'postgres' | 'redis'>,
  { seconds, random }: { seconds: number; random: Random },
): Promise<Damage> {
  const damage: Damage = { apiKills: 0, postgresRestarts: 0, redisStops: 0 }
  const begun = clock.monotonic()
  const at = async (share: number) => await clock.sleep(Math.max(0, begun + share * seconds * 1000 - clock.monotonic()))

  const killing = async () => {
    for (;;) {
      const [least, most] = KILL_SECONDS
      await clock.sleep((least + random.fraction() * (most - least)) * 1000)
      if (clock.monotonic() - begun > seconds * 1000) return
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
