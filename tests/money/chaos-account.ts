// The account after chaos: what each session was charged beside what it had to be, and how long its machine ran.
import { SETTLEMENT_FINALIZER } from '../../api/sessions/game-session.ts'
import { objectNameOf } from '../../api/sessions/session.ts'
import { affordableSeconds, priceWithin } from '../../api/wallet/price.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { Control } from '../../demo/evening/control.ts'
import type { Database } from '../../lib/database/pool.ts'
import { condition } from '../../lib/kube/conditions.ts'

/** What there is to be known of a session that is over. */
interface Settled {
  session: string
  phase: string | undefined
  isFinal: boolean | undefined
  /** Whether its bill still keeps the object from going. */
  isUnsettled: boolean
  chargedPaise: bigint
  bookedPaise: bigint
  /** `undefined`: none; a session that cost nothing needs none. */
  receiptPaise: bigint | undefined
  isReleased: boolean
}

export interface Bill {
  playerId: string
  endReason: string
  /** Played, by the operator. */
  seconds: bigint
  /** By the books, and as the cluster knows of it. */
  paidSeconds: bigint
  toldSeconds: bigint
  /** What the wallet could have paid for by the time that the paid seconds were played; only of whom that has ended. */
  reachSeconds: bigint | undefined
  chargedPaise: bigint
  asFound: Settled
  asDue: Settled
}

interface BillRow {
  id: string
  player_id: string
  rate_paise_per_hour: bigint
  paid_seconds: bigint
  charged_paise: bigint
  booked_paise: bigint
  receipt_paise: bigint | null
  is_released: boolean
}

interface Credit {
  player_id: string
  at: Date
  paise: bigint
}

/**
 * One for each session of the books. The grace, `graceSeconds`, is for what is on its way: only what was in the wallet
 * before it counts as there. Throws when one has no object.
 */
export async function billsOf(
  database: Database,
  { objects, graceSeconds }: { objects: readonly GameSession[]; graceSeconds: number },
): Promise<Bill[]> {
  const credits = await database<Credit[]>`
    SELECT wallet.player_id, booked.at, entry.amount_paise AS paise FROM wallet_entries entry
      JOIN wallet_transactions booked ON booked.id = entry.transaction_id
      JOIN wallet_accounts wallet ON wallet.id = entry.account_id
    WHERE wallet.kind = 'PlayerWallet' AND entry.amount_paise > 0`
  const byName = new Map(objects.map(object => [object.metadata.name, object]))
  const rows = await database<BillRow[]>`
    SELECT session.id, session.player_id, rate_paise_per_hour, paid_seconds, charged_paise,
      (SELECT coalesce(sum(entry.amount_paise), 0)::bigint FROM wallet_entries entry
        JOIN wallet_transactions booked ON booked.id = entry.transaction_id
        WHERE booked.kind = 'Play' AND booked.session_id = session.id AND entry.account_id = 'revenue') AS booked_paise,
      (SELECT sum(total_paise)::bigint FROM receipts WHERE receipts.session_id = session.id) AS receipt_paise,
      hold.released_at IS NOT NULL AS is_released
    FROM sessions session JOIN wallet_holds hold ON hold.session_id = session.id ORDER BY session.id`
  return rows.map(row => {
    const object = byName.get(objectNameOf(row.id))
    if (!object) throw new Error(`Session ${row.id} has no object.`)
    const isTheirs = ({ player_id }: Credit) => player_id === row.player_id
    return billOf(row, { object, credits: credits.filter(isTheirs), graceSeconds })
  })
}

function billOf(
  row: BillRow,
  { object, ...money }: { object: GameSession; credits: readonly Credit[]; graceSeconds: number },
): Bill {
  const { metadata, spec, status } = object
  const seconds = BigInt(status?.billing?.seconds ?? 0)
  // What was held pays: a growth that the cluster never heard of covers grace, as a top-up under way does.
  const paidSeconds = row.paid_seconds
  const due = priceWithin({ ratePaisePerHour: row.rate_paise_per_hour, playedSeconds: seconds, paidSeconds })
  const session = row.id
  return {
    ...{ playerId: row.player_id, seconds, paidSeconds, chargedPaise: row.charged_paise },
    toldSeconds: BigInt(spec.paidSeconds ?? 0),
    reachSeconds: reachOf(row, { status, ...money }),
    endReason: status?.endReason ?? 'None',
    asFound: {
      session,
      phase: status?.phase,
      isFinal: status?.billing?.final,
      isUnsettled: metadata.finalizers?.includes(SETTLEMENT_FINALIZER) ?? false,
      chargedPaise: row.charged_paise,
      bookedPaise: row.booked_paise,
      receiptPaise: row.receipt_paise ?? undefined,
      isReleased: row.is_released,
    },
    asDue: {
      session,
      phase: 'Ended',
      isFinal: true,
      isUnsettled: false,
      chargedPaise: due,
      bookedPaise: due,
      receiptPaise: due > 0n ? due : undefined,
      isReleased: true,
    },
  }
}

function reachOf(
  { rate_paise_per_hour: ratePaisePerHour }: BillRow,
  about: { status: GameSession['status']; credits: readonly Credit[]; graceSeconds: number },
): bigint | undefined {
  const { status, credits, graceSeconds } = about
  const ended = condition(status?.conditions, 'Playable')?.lastTransitionTime
  if (status?.endReason !== 'PaidTimeUsed' || ended === undefined) return undefined
  const graceBegan = Date.parse(ended) - graceSeconds * 1000
  const there = credits.filter(({ at }) => at.getTime() < graceBegan)
  return affordableSeconds({ ratePaisePerHour, paise: there.reduce((sum, { paise }) => sum + paise, 0n) })
}

/** The whole of the books, in paise. */
export async function moneyOf(database: Database): Promise<Record<string, bigint>> {
  const [row] = await database<Record<string, bigint>[]>`
    SELECT (SELECT sum(amount_paise) FROM wallet_entries)::bigint AS ledger,
      (SELECT sum(amount_paise) FROM wallet_entries WHERE account_id = 'revenue')::bigint AS revenue,
      (SELECT sum(posted_paise) FROM wallet_balances)::bigint AS wallets,
      (SELECT sum(held_paise) FROM wallet_balances)::bigint AS held,
      (SELECT count(*) FROM wallet_balances WHERE posted_paise < 0 OR posted_paise < held_paise) AS "belowZero",
      (SELECT count(*) FROM wallet_holds WHERE released_at IS NULL) AS "openHolds"`
  return row ?? {}
}

interface GuestEvent {
  time: string
  vmName: string
  state: 'running' | 'stopped'
  tags?: Record<string, string>
}

export interface Ran {
  boots: number
  seconds: number
  isRunning: boolean
}

/** How long each player's machines ran, by Azure's own feed of them. */
export async function ranByPlayer(azure: Control): Promise<Map<string, Ran>> {
  const { events } = await azure.get<{ events: GuestEvent[] }>('/simulator/guests?since=0')
  const since = new Map<string, number>()
  const ran = new Map<string, Ran>()
  for (const { time, vmName, state, tags } of events) {
    const player = tags?.['wasd-player'] ?? 'nobody'
    const { boots, seconds } = ran.get(player) ?? { boots: 0, seconds: 0 }
    const began = since.get(vmName)
    if (state === 'running') {
      if (began === undefined) since.set(vmName, Date.parse(time))
      ran.set(player, { boots: began === undefined ? boots + 1 : boots, seconds, isRunning: true })
    } else {
      since.delete(vmName)
      const lasted = began === undefined ? 0 : (Date.parse(time) - began) / 1000
      ran.set(player, { boots, seconds: seconds + lasted, isRunning: false })
    }
  }
  return ran
}
