// Hold and charge by the wallet's own commands, beside the same SQL in pgbench on the same server with the same fsync:
// what is lost between the two is ours.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { migrateApi } from '../../api/migrate.ts'
import { charge, growHold } from '../../api/wallet/holds.ts'
import { creditPromotion } from '../../api/wallet/wallet.ts'
import { canInstall, installPackage, onPath } from '../../demo/stack/apt.ts'
import { startPostgres } from '../../demo/stack/postgres.ts'
import { connect, type Database } from '../../lib/database/pool.ts'
import { createLogger } from '../../lib/telemetry/log.ts'
import { openHold } from '../money/open-hold.ts'
import { median, type Part } from './figures.ts'

const CLIENTS = 16
const ROUNDS = 3
const SECONDS = 4
/** Of pgbench's speed, with the server's share of the machine in both. */
const RATIO = 0.6
/** Nobody runs out of it: ten million rupees, at a paisa a second. */
const PURSE = 1_000_000_000n
const RATE = 3600n

const run = promisify(execFile)
const now = new Date('2026-11-23T12:00:00Z')
const log = createLogger({ program: 'bench', level: 'fatal' })

/** One session of one player for each client. */
const PLAYER = `p${'0'.repeat(22)}`
const SESSION = `s${'0'.repeat(22)}`
const playerOf = (client: number) => `${PLAYER}${String(client).padStart(3, '0')}`
const sessionOf = (client: number) => `${SESSION}${String(client).padStart(3, '0')}`

/** Both commands once for each of pgbench's transactions, at its own count: a second more is held, a second is played. */
const its = (prefix: string) => `'${prefix}' || lpad(:client_id::text, 3, '0')`
const who = `${its(SESSION)}, ${its(PLAYER)}`
const script = `\\set count :count + 1
SELECT outcome, available_paise, has_grown, (hold).* FROM wallet_hold_grow(${who}, (:count + 60)::bigint, '${now.toISOString()}');
SELECT outcome, available_paise, (hold).* FROM wallet_charge(${who}, :count::bigint, '${now.toISOString()}');
`

export async function ledger(folder: string): Promise<Part> {
  const pgbench = await findPgbench()
  const postgres = await startPostgres({ folder: join(folder, 'postgres'), commits: 'Disk' }) // As money is kept, on either side.
  const [ownerUrl, programUrl] = [postgres.ownerUrl('wasd_api'), postgres.url('wasd_api')]
  await migrateApi({ ownerUrl, programUrl, log })
  const superuser = connect(postgres.superuserUrl('wasd_api'), { max: 1, applicationName: 'bench' })
  const database = connect(programUrl, { max: CLIENTS, applicationName: 'bench' })
  await furnish(database)

  const file = join(folder, 'commands.sql')
  writeFileSync(file, script)
  const found: { ours: number[]; pgbench: number[] } = { ours: [], pgbench: [] }
  let count = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const ours = await measured(database, count)
    found.ours.push(ours.perSecond)
    // pgbench counts on from there: what was charged before would cost nothing.
    const theirs = await benched(pgbench, { file, url: programUrl, from: ours.count })
    found.pgbench.push(theirs.perSecond)
    count = ours.count + theirs.count
  }
  const [shown] = await superuser<{ fsync: string }[]>`SELECT current_setting('fsync') AS fsync`
  await Promise.all([database.end(), superuser.end()])
  await postgres.stop()
  const [ours, theirs] = [median(found.ours), median(found.pgbench)]
  return {
    title: `Hold and charge, one round trip a command, ${CLIENTS} clients, fsync ${shown?.fsync}`,
    figures: [
      { what: 'hold and charge by the program', value: ours, unit: 'a second' },
      { what: 'the same SQL in pgbench', value: theirs, unit: 'a second' },
      { what: 'of pgbench', value: ours / theirs, target: { atLeast: RATIO } },
    ],
  }
}

async function furnish(database: Database): Promise<void> {
  for (let client = 0; client < CLIENTS; client += 1) {
    const [playerId, sessionId] = [playerOf(client), sessionOf(client)]
    await database`
      INSERT INTO players (id, telegram_user_id, telegram_chat_id, first_name, created_at)
      VALUES (${playerId}, ${client + 1}, ${client + 1}, 'Asha', ${now})`
    await creditPromotion(database, {
      ...{
        playerId,
        amountPaise: PURSE,
        reason: 'Bench.',
        idempotencyKey: `bench:${client}`,
        expiresAt: undefined,
        now,
      },
    })
    await database`
      INSERT INTO sessions (id, player_id, game, tier, regions, created_at, meter_at)
      VALUES (${sessionId}, ${playerId}, 'quake', 'standard', ${['centralindia']}, ${now}, ${now})`
    const terms = { ratePaisePerHour: RATE, blockSeconds: 60n, minimumSeconds: 60n, now }
    await openHold(database, { sessionId, playerId, ...terms })
  }
}

/** Pairs a second, and how far the counting has come. */
async function measured(database: Database, from: number): Promise<{ perSecond: number; count: number }> {
  const began = performance.now()
  const counts = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const order = { sessionId: sessionOf(client), playerId: playerOf(client), now }
      let count = from
      while (performance.now() - began < SECONDS * 1000) {
        count += 1
        await growHold(database, { ...order, paidSeconds: BigInt(count + 60) })
        await charge(database, { ...order, playedSeconds: BigInt(count) })
      }
      return count
    }),
  )
  const seconds = (performance.now() - began) / 1000
  const pairs = counts.reduce((sum, count) => sum + count - from, 0)
  return { perSecond: pairs / seconds, count: Math.max(...counts) }
}

async function benched(
  pgbench: string,
  { file, url, from }: { file: string; url: string; from: number },
): Promise<{ perSecond: number; count: number }> {
  const args = ['--client', String(CLIENTS), '--jobs', '1', '--time', String(SECONDS), '--no-vacuum']
  const { stdout } = await run(pgbench, [
    ...args,
    '--protocol',
    'prepared',
    '--define',
    `count=${from}`,
    '--file',
    file,
    url,
  ])
  const perSecond = Number(/tps = ([\d.]+)/.exec(stdout)?.[1])
  const pairs = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1])
  if (!(perSecond > 0) || !(pairs > 0)) throw new Error(`pgbench said nothing of its speed:\n${stdout}`)
  // No client does twice its share.
  return { perSecond, count: Math.ceil((pairs / CLIENTS) * 2) }
}

/** Debian puts it beside the server, off the PATH. Throws when it is not there and cannot be installed. */
async function findPgbench(): Promise<string> {
  const look = () => onPath('pgbench') ?? debians()
  if (look() === undefined && canInstall()) {
    await installPackage('postgresql', { isThere: () => look() !== undefined, progress: text => console.log(text) })
  }
  const found = look()
  if (found === undefined) throw new Error('There is no pgbench. Install it: it comes with the package postgresql.')
  return found
}

function debians(): string | undefined {
  const folder = '/usr/lib/postgresql'
  const versions = existsSync(folder) ? readdirSync(folder) : []
  return versions.map(version => join(folder, version, 'bin/pgbench')).find(existsSync)
}
