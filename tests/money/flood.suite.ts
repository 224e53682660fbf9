// The promise that the flood is made for, for any size of it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect, type Database } from '../../lib/database/pool.ts'
import { type Books, brokenInvariants, openBooks } from './books.ts'
import { AMOUNT, flood, manyTopUps, paymentIdOf, startAlone } from './flood.ts'

/** Milliseconds between looks at a queue that empties. */
const LOOK = 100
/** Deliveries that are answered before any payment can be worked off. */
const AHEAD = 500
/** How often a row may be found by an index, for each time that it was written: ten times, by and large. */
const LOOKS = 20

export interface FloodOptions {
  deliveries: number
  seed: number
  /** For machines that are busy with something else; two cores of their own take a fifth of it. */
  timeoutSeconds: number
}

/** What each player has, in paise; of who has anything. */
async function walletsOf(database: Database): Promise<Map<string, bigint>> {
  const rows = await database<{ player: string; paise: bigint }[]>`
    SELECT player_id AS player, posted_paise AS paise FROM wallet_balances balance
      JOIN wallet_accounts account ON account.id = balance.account_id WHERE posted_paise > 0 ORDER BY player_id`
  return new Map(rows.map(({ player, paise }) => [player, paise]))
}

/** What each should have: all of their captured payments, each for the top-up by which it is named. */
async function paidInOf(database: Database, captured: readonly string[]): Promise<Map<string, bigint>> {
  const rows = await database<{ id: string; player: string }[]>`
    SELECT id, player_id AS player FROM top_ups ORDER BY player_id`
  const names = new Set(captured)
  const paidIn = new Map<string, bigint>()
  for (const { id, player } of rows) {
    if (names.has(paymentIdOf(id))) paidIn.set(player, (paidIn.get(player) ?? 0n) + BigInt(AMOUNT))
  }
  return paidIn
}

/** Nobody can book a payment until it is ended. */
async function heldUp({ superuserUrl }: Books): Promise<{ end(): Promise<void> }> {
  const superuser = connect(superuserUrl, { max: 1, applicationName: 'holder' })
  await superuser.unsafe('BEGIN; LOCK TABLE payments IN SHARE MODE')
  return {
    async end() {
      await superuser.unsafe('COMMIT')
      await superuser.end()
    },
  }
}

export function creditsEqualCaptures({ deliveries, seed, timeoutSeconds }: FloodOptions): void {
  const name = `I5: of ${deliveries} webhooks, duplicated, out of order, forged, replayed and wrong, the credits are the captured payments, and each is answered in time`
  test(name, { timeout: timeoutSeconds * 1000 }, async () => {
    console.log(`seed ${seed}`)
    const folder = mkdtempSync(join(tmpdir(), 'wasd-flood-'))
    const books = await openBooks()
    const { database } = books
    const api = await startAlone(books, folder)
    try {
      const begun = performance.now()
      const since = () => `${Math.round((performance.now() - begun) / 100) / 10} s`
      const topUps = await manyTopUps(database, deliveries / 8)
      const { deliveries: all, captured, signedBodies, unplaceable } = flood({ deliveries, seed, topUps })
      expect(all).toHaveLength(deliveries)
      // While no payment can be worked off, all are answered all the same: nothing of that is waited for.
      const ahead = all.slice(0, AHEAD)
      const hold = await heldUp(books)
      expect(await api.pour(ahead)).toEqual({ late: 0 })
      expect(await database`SELECT FROM payments LIMIT 1`).toHaveLength(0)
      expect(
        await database`SELECT FROM razorpay_webhooks WHERE worked_off_at IS NOT NULL AND outcome = 'Credited'`,
      ).toHaveLength(0)
      console.log(`${AHEAD} answered ahead after ${since()}`)
      await hold.end()
      expect(await api.pour(all.slice(AHEAD))).toEqual({ late: 0 })
      console.log(`answered after ${since()}`)
      // Long after, and under new event ids: what was told before, once more.
      expect(await api.pour(all.filter(({ status }) => status === 200).slice(0, 100))).toEqual({ late: 0 })

      const waiting = async () =>
        (await database`SELECT FROM queue_items WHERE topic = 'razorpay.webhook' AND dead_at IS NULL LIMIT 1`).length
      while ((await waiting()) > 0) await new Promise(resolve => setTimeout(resolve, LOOK))
      console.log(`worked off after ${since()}`)

      const credited = await database<{ id: string }[]>`SELECT id FROM payments ORDER BY id`
      expect(credited.map(({ id }) => id)).toEqual(captured.toSorted())
      const [sums] = await database<{ wallets: bigint; lines: bigint; stored: number; dead: number; open: number }[]>`
        SELECT (SELECT sum(posted_paise) FROM wallet_balances)::bigint AS wallets,
          (SELECT count(*) FROM wallet_transactions)::bigint AS lines,
          (SELECT count(*) FROM razorpay_webhooks)::int AS stored,
          (SELECT count(*) FROM razorpay_webhooks WHERE worked_off_at IS NULL)::int AS open,
          (SELECT count(*) FROM queue_items WHERE topic = 'razorpay.webhook')::int AS dead`
      const payments = BigInt(captured.length)
      const wanted = { wallets: payments * BigInt(AMOUNT), lines: payments, stored: signedBodies, dead: unplaceable }
      expect(sums).toEqual({ ...wanted, open: unplaceable })
      expect(await walletsOf(database)).toEqual(await paidInOf(database, captured))
      // No row was sought by walking through the others, by a plan that was made while there were few.
      const walked = await database`
        SELECT relname, idx_tup_fetch FROM pg_stat_user_tables WHERE idx_tup_fetch > ${LOOKS} * (n_tup_ins + n_tup_upd)`
      expect(walked).toEqual([])
      expect(await brokenInvariants(database)).toEqual([])
    } finally {
      await api.stop()
      await books.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
