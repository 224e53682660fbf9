// Two versions side by side during a rollout: the API's own code on the schema of a version before, and then on one of a
// version to come.
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { migrateApi } from '../../api/migrate.ts'
import { bringIn } from '../../api/payments/movements.ts'
import { createSignIn, hashOf, rotate } from '../../api/players/sign-ins.ts'
import { meterOnce } from '../../api/sessions/meter.ts'
import { lockedSession } from '../../api/sessions/session.ts'
import { settle } from '../../api/sessions/settle.ts'
import { startOnce } from '../../api/sessions/starting.ts'
import { holdOf } from '../../api/wallet/holds.ts'
import { balanceOf } from '../../api/wallet/wallet.ts'
import { migrate } from '../../lib/database/migrate.ts'
import { type Database, inTransaction, sqlStateOf } from '../../lib/database/pool.ts'
import { systemClock } from '../../lib/process/clock.ts'
import { brokenInvariants, newPlayer, noon, sessionTerms, silent } from './books.ts'
import { catalogue } from './one-game.ts'
import { paid } from './paid.ts'
import { migrations, twoRoles, widen } from './two-roles.ts'

/**
 * The newest migration of a version before. The API's own code of now still runs on it, as far as an evening here asks for:
 * the older, the more is proven, and once it does not the test says so. While it is the newest of all, what comes after it
 * is the columns of `widen`.
 */
const VERSION_BEFORE = '0026'
/** undefined_column, undefined_table and undefined_function. */
const LACKING = ['42703', '42P01', '42883']

/** An evening under way, played by the API's own code: paid, signed in, started once, metered, and disputed. */
async function played(database: Database, dispute: string) {
  const { id: playerId } = await newPlayer(database)
  const paymentId = await paid(database, { playerId, amountPaise: 50_000n })
  const signIn = await inTransaction(database, transaction =>
    createSignIn(transaction, { playerId, method: 'MiniApp', now: noon }),
  )
  const commands = { database, catalogue, holdBlockSeconds: 900, defaultRegions: ['centralindia'] }
  const { signInId } = signIn
  const once = { owner: playerId, key: 'evening', hash: hashOf('evening'), signInId }
  const start = () =>
    startOnce(
      commands,
      { playerId, game: 'quake', tier: 'standard', now: noon },
      {
        ...once,
        answer: ({ session: { id } }) => id,
      },
    )
  const started = await start()
  if (started.outcome !== 'Started') throw new Error(started.outcome)
  const sessionId = started.reply
  // What an operator would have said: five minutes are played, and it goes on.
  await database`UPDATE sessions SET seen_ready_at = ${noon}, seen_seconds = 300, seen_since = ${later(310)} WHERE id = ${sessionId}`
  const settings = { namespace: 'games', holdBlockSeconds: 900, ttlSeconds: 3600, ...sessionTerms }
  await meterOnce({ database, log: silent, settings, clock: { ...systemClock, now: () => later(780) } })
  const told = async (state: 'Open' | 'Won') => {
    const seen = { id: dispute, paymentId, disputed: { currency: 'INR', units: 10_000n }, state }
    return await bringIn(database, { rail: 'Razorpay', movements: [{ is: 'Dispute', dispute: seen }], now: noon })
  }
  expect(await told('Open')).toEqual(['DisputeOpened'])
  expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 750n, paidSeconds: 4500n })
  return { playerId, sessionId, ...signIn, start, told }
}

/** Of an evening on the schema of the version before: code of now that asks for more than that had says what to do. */
function tooOld(error: unknown): never {
  if (!LACKING.includes(sqlStateOf(error) ?? '')) throw error
  const remedy = 'Set VERSION_BEFORE to the migration that brought it.'
  throw new Error(`The API's code of now does not run on migration ${VERSION_BEFORE} any more. ${remedy}`, {
    cause: error,
  })
}

function later(seconds: number): Date {
  return new Date(noon.getTime() + seconds * 1000)
}

test.concurrent('I4, I5: an evening that the API has played on the schema of the version before goes on under this one, and is settled', async context => {
  const { owner, program: database, ownerUrl, programUrl, directory } = await twoRoles(context)
  const role = new URL(programUrl).username
  const names = readdirSync(migrations).sort()
  const [old, fresh] = [
    names.filter(name => name.slice(0, 4) <= VERSION_BEFORE),
    names.filter(name => name.slice(0, 4) > VERSION_BEFORE),
  ]
  for (const name of old) cpSync(join(migrations, name), join(directory, name))
  await migrate({ url: ownerUrl, directory, log: silent })
  await owner`SELECT grant_program(${role})`
  const before = await played(database, 'disp_before').catch(tooOld)

  for (const name of fresh) cpSync(join(migrations, name), join(directory, name))
  await migrate({ url: ownerUrl, directory, log: silent })
  const during = await played(database, 'disp_during') // With the rights of before.
  await migrateApi({ ownerUrl, programUrl, log: silent })
  expect(await brokenInvariants(database, [])).toEqual([])
  await widen(owner) // What comes after this version: its connections hold statements prepared before.

  for (const { playerId, sessionId, signInId, refreshToken, start, told } of [before, during]) {
    expect(await start()).toMatchObject({ outcome: 'Kept', body: JSON.stringify(sessionId) })
    const next = await inTransaction(database, transaction => rotate(transaction, { refreshToken, now: later(900) }))
    expect(next).toMatchObject({ signInId, playerId })
    expect(await told('Won')).toEqual(['DisputeWon'])
    await inTransaction(database, async transaction => {
      const session = await lockedSession(transaction, sessionId)
      if (!session) throw new Error('It was started.')
      const { tax } = sessionTerms
      const settlement = { playedSeconds: 800n, endReason: 'PlayerEnded', interruptions: [], tax, now: later(900) }
      await settle(transaction, session, settlement)
    })
    expect(await holdOf(database, sessionId)).toMatchObject({ chargedPaise: 2000n, isReleased: true })
    expect(await balanceOf(database, playerId)).toMatchObject({ availablePaise: 48_000n, heldPaise: 0n, owedPaise: 0n })
  }
  expect(await brokenInvariants(database, [])).toEqual([])
})
