// Proves the books: everything that must hold of them, as queries for what breaks it. The database refuses all of it
// already; this finds what a restored backup, a superuser's hand or a mistake of ours has left all the same.
import { type Database, inOneTransaction, type Queries, type Transaction } from '../../lib/database/pool.ts'

/** What is wrong, by the name of its check; `id` is the row to look at. */
export interface Fault {
  check: CheckName
  id: string
  detail: string
}

/** Each selects `id` and `detail` of what breaks it. */
export const checks = {
  TransactionUnbalanced: `
    SELECT booked.id::text AS id, 'its ' || count(entry.id) || ' entries sum to ' || coalesce(sum(amount_paise), 0) || ' paise' AS detail
    FROM wallet_transactions booked LEFT JOIN wallet_entries entry ON entry.transaction_id = booked.id
    GROUP BY booked.id HAVING coalesce(sum(amount_paise), 0) <> 0 OR count(entry.id) < 2`,
  BalanceDiffers: `
    SELECT account_id AS id, 'it says ' || posted_paise || ' paise, its entries ' || booked AS detail
    FROM wallet_balances balance, LATERAL (SELECT coalesce(sum(amount_paise), 0) AS booked FROM wallet_entries entry
      WHERE entry.account_id = balance.account_id) of WHERE posted_paise <> booked`,
  OwedDiffers: `
    SELECT account_id AS id, 'it owes ' || owed_paise || ' paise, by its entries ' || booked AS detail
    FROM wallet_balances balance JOIN wallet_accounts account ON account.id = balance.account_id,
    LATERAL (SELECT coalesce(-sum(amount_paise), 0) AS booked FROM wallet_entries entry
      WHERE entry.account_id = 'receivable:' || account.player_id) of WHERE owed_paise <> booked`,
  BelowZero: `
    SELECT account_id AS id, posted_paise || ' paise posted, ' || held_paise || ' held, ' || owed_paise || ' owed' AS detail
    FROM wallet_balances WHERE posted_paise < 0 OR held_paise < 0 OR owed_paise < 0 OR held_paise > posted_paise`,
  OwedBesideFree: `
    SELECT account_id AS id, 'it owes ' || owed_paise || ' paise beside ' || paid || ' that were paid in and are free' AS detail
    FROM wallet_balances balance, LATERAL (SELECT coalesce(sum(remainder_paise), 0) AS paid FROM wallet_lots lot
      WHERE lot.account_id = balance.account_id AND NOT is_promotional AND remainder_paise > 0) of
    WHERE owed_paise > 0 AND held_paise = 0 AND paid > 0`,
  LotsDiffer: `
    SELECT account_id AS id, 'it says ' || posted_paise || ' paise, its lots ' || coalesce(lots, 0) AS detail
    FROM wallet_balances LEFT JOIN (SELECT account_id, sum(remainder_paise) AS lots FROM wallet_lots GROUP BY 1) lot
      USING (account_id) WHERE posted_paise <> coalesce(lots, 0)`,
  LotDiffers: `
    SELECT lot.id::text AS id, 'it has ' || remainder_paise || ' of ' || lot.amount_paise || ' paise left, by its moves ' ||
      coalesce(sum(move.amount_paise), 0) AS detail
    FROM wallet_lots lot LEFT JOIN wallet_lot_moves move ON move.lot_id = lot.id GROUP BY lot.id
    HAVING remainder_paise <> coalesce(sum(move.amount_paise), 0) OR remainder_paise NOT BETWEEN 0 AND lot.amount_paise`,
  MovesDiffer: `
    SELECT coalesce(entry.transaction_id, move.transaction_id)::text AS id,
      'the wallet moved by ' || coalesce(entry.paise, 0) || ' paise, its lots by ' || coalesce(move.paise, 0) AS detail
    FROM (SELECT transaction_id, sum(amount_paise) AS paise FROM wallet_entries WHERE account_id LIKE 'wallet:%' GROUP BY 1) entry
    FULL JOIN (SELECT transaction_id, sum(amount_paise) AS paise FROM wallet_lot_moves GROUP BY 1) move USING (transaction_id)
    WHERE coalesce(entry.paise, 0) <> coalesce(move.paise, 0)`,
  HeldDiffers: `
    SELECT account_id AS id, 'it says ' || held_paise || ' paise are held, its holds ' || holds AS detail
    FROM wallet_balances balance, LATERAL (SELECT coalesce(sum(hold.held_paise), 0) AS holds FROM wallet_holds hold
      WHERE hold.account_id = balance.account_id) of WHERE held_paise <> holds`,
  HoldOfEndedSession: `
    SELECT hold.session_id AS id, held_paise || ' paise are held for a session that is over' AS detail
    FROM wallet_holds hold JOIN sessions session ON session.id = hold.session_id
    WHERE session.ended_at IS NOT NULL AND hold.released_at IS NULL`,
  SessionWithoutHold: `
    SELECT session.id, 'it is live, and nothing is held for it' AS detail
    FROM sessions session LEFT JOIN wallet_holds hold ON hold.session_id = session.id
    WHERE session.ended_at IS NULL AND (hold.session_id IS NULL OR hold.released_at IS NOT NULL)`,
  HoldOfAnother: `
    SELECT hold.session_id AS id, 'it is played by ' || player_id || ', held in ' || hold.account_id || ' and booked in ' ||
      coalesce(accounts, 'none') AS detail
    FROM wallet_holds hold JOIN sessions session ON session.id = hold.session_id,
    LATERAL (SELECT string_agg(DISTINCT entry.account_id, ', ') AS accounts,
        bool_or(entry.account_id <> 'wallet:' || player_id) AS are_others FROM wallet_transactions booked
      JOIN wallet_entries entry ON entry.transaction_id = booked.id
      WHERE booked.session_id = hold.session_id AND entry.account_id LIKE 'wallet:%') of
    WHERE hold.account_id <> 'wallet:' || player_id OR are_others`,
  ChargeDiffers: `
    SELECT hold.session_id AS id, charged_paise || ' paise are charged, ' || booked || ' booked' AS detail
    FROM wallet_holds hold, LATERAL (SELECT coalesce(sum(amount_paise), 0) AS booked FROM wallet_entries entry
      JOIN wallet_transactions head ON head.id = entry.transaction_id
      WHERE head.session_id = hold.session_id AND entry.account_id = 'revenue') of WHERE charged_paise <> booked`,
  PriceDiffers: `
    SELECT hold.session_id AS id, charged_paise || ' paise are charged for ' || seen_seconds || ' s played of ' ||
      paid_seconds || ' paid, which cost ' || due AS detail
    FROM wallet_holds hold JOIN sessions session ON session.id = hold.session_id,
    LATERAL (SELECT rate_paise_per_hour * least(seen_seconds, paid_seconds) / 3600 AS due) of
    WHERE CASE WHEN session.ended_at IS NULL THEN charged_paise > due ELSE charged_paise <> due END`,
  PaymentDiffers: `
    SELECT rail || ' ' || payment.id AS id, amount_paise || ' paise were paid, ' || booked || ' credited' AS detail
    FROM payments payment, LATERAL (SELECT coalesce(-sum(entry.amount_paise), 0) AS booked FROM wallet_entries entry
      WHERE entry.transaction_id = payment.transaction_id AND entry.account_id LIKE 'gateway:%') of
    WHERE amount_paise <> booked`,
  PaymentOfAnother: `
    SELECT payment.rail || ' ' || payment.id AS id, 'it was paid for ' || coalesce(top_up.player_id, 'nobody') || ' by ' ||
      coalesce(top_up.rail, 'nothing') || '; booked was ' || coalesce(reference, 'nothing') || ' over ' || accounts AS detail
    FROM payments payment LEFT JOIN top_ups top_up ON top_up.id = payment.top_up_id
      JOIN wallet_transactions booked ON booked.id = payment.transaction_id,
    LATERAL (SELECT coalesce(string_agg(account_id, ', ' ORDER BY account_id), 'nothing') AS accounts, coalesce(bool_and(account_id IN
        ('gateway:' || lower(payment.rail), 'wallet:' || top_up.player_id, 'receivable:' || top_up.player_id)), false) AS are_theirs
      FROM wallet_entries entry WHERE entry.transaction_id = booked.id) of
    WHERE NOT are_theirs OR top_up.rail IS DISTINCT FROM payment.rail OR reference IS DISTINCT FROM payment.id`,
  CreditWithoutPayment: `
    SELECT booked.id::text AS id, 'credited for ' || coalesce(reference, 'nothing') || ', which is no payment' AS detail
    FROM wallet_transactions booked LEFT JOIN payments payment ON payment.transaction_id = booked.id
    WHERE kind = 'TopUp' AND payment.transaction_id IS NULL`,
  RefundsDiffer: `
    SELECT account.id, 'it has ' || booked || ' paise, the refunds under way ' || pending AS detail
    FROM wallet_accounts account,
    LATERAL (SELECT coalesce(sum(amount_paise), 0) AS booked FROM wallet_entries entry WHERE entry.account_id = account.id) of,
    LATERAL (SELECT coalesce(sum(refund.amount_paise), 0) AS pending FROM wallet_refunds refund
      JOIN wallet_lots lot ON lot.id = refund.lot_id
      WHERE refund.state = 'Pending' AND lot.source = replace(account.id, 'refunds:', 'gateway:')) and_of
    WHERE account.kind = 'RefundPending' AND booked <> pending`,
  RefundUnbooked: `
    SELECT rail || ' ' || refund.id AS id, 'it is ' || lower(state) || ', over ' || amount_paise || ' paise; ' || gone ||
      ' have left the wallet, of which ' || waiting || ' wait' AS detail
    FROM refunds refund, LATERAL (SELECT coalesce(sum(entry.amount_paise), 0) AS gone,
        coalesce(sum(entry.amount_paise) FILTER (WHERE entry.account_id LIKE 'refunds:%'), 0) AS waiting
      FROM wallet_transactions booked JOIN wallet_entries entry ON entry.transaction_id = booked.id
      WHERE entry.account_id IN ('gateway:' || lower(rail), 'refunds:' || lower(rail)) AND booked.idempotency_key IN (
        'refund:' || refund.id || ':started', 'refund:' || refund.id || ':ended',
        lower(rail) || ':refund:' || gateway_id, lower(rail) || ':refund:' || gateway_id || ':returned',
        lower(rail) || ':refund:' || refund.id || ':returned')) of
    WHERE gone <> CASE state WHEN 'Failed' THEN 0 ELSE amount_paise END
      OR waiting <> CASE WHEN state = 'Pending' AND asked_by <> 'Gateway' THEN amount_paise ELSE 0 END`,
  DisputeUnbooked: `
    SELECT rail || ' ' || dispute.id AS id, 'it is ' || lower(state) || ', over ' || amount_paise || ' paise; ' || gone ||
      ' have left the wallet' AS detail
    FROM disputes dispute, LATERAL (SELECT coalesce(sum(entry.amount_paise), 0) AS gone
      FROM wallet_transactions booked JOIN wallet_entries entry ON entry.transaction_id = booked.id
      WHERE entry.account_id = 'gateway:' || lower(rail) AND booked.idempotency_key IN (
        lower(rail) || ':dispute:' || dispute.id, lower(rail) || ':dispute:' || dispute.id || ':won')) of
    WHERE CASE state WHEN 'Open' THEN gone <> amount_paise WHEN 'Won' THEN gone <> 0
      ELSE gone NOT BETWEEN 1 AND amount_paise END`, // Lost: the bank may have taken a part.
  ReceiptDiffers: `
    SELECT series || '/' || number AS id, 'it is over ' || total_paise || ' paise, its lines over ' || lined ||
      '; charged were ' || coalesce(charged_paise, 0) AS detail
    FROM receipts receipt LEFT JOIN wallet_holds hold USING (session_id),
    LATERAL (SELECT coalesce(sum((line ->> 'paise')::bigint), 0) AS lined FROM jsonb_array_elements(lines) line) of
    WHERE total_paise <> lined OR total_paise <> coalesce(charged_paise, 0)`,
  ReceiptOfAnother: `
    SELECT series || '/' || number AS id, 'it is made out to ' || receipt.player_id || ', and ' || session.player_id ||
      ' has played' AS detail
    FROM receipts receipt JOIN sessions session ON session.id = receipt.session_id
    WHERE receipt.player_id <> session.player_id`,
  ReceiptMissing: `
    SELECT session.id, charged_paise || ' paise are charged, and there is no receipt' AS detail
    FROM sessions session JOIN wallet_holds hold ON hold.session_id = session.id
      LEFT JOIN receipts receipt ON receipt.session_id = session.id
    WHERE charged_paise > 0 AND ended_at IS NOT NULL AND receipt.session_id IS NULL
      AND session.id NOT IN (SELECT session_id FROM sessions_before_receipts)`,
  ReceiptNumberMissing: `
    SELECT series AS id, last_number || ' numbers were given, ' || issued || ' receipts issued' AS detail
    FROM receipt_series, LATERAL (SELECT count(*) AS issued FROM receipts WHERE receipts.series = receipt_series.series) of
    WHERE last_number <> issued`,
} as const

export type CheckName = keyof typeof checks

function isCheckName(name: string): name is CheckName {
  return Object.hasOwn(checks, name)
}

export const checkNames: readonly CheckName[] = Object.keys(checks).filter(isCheckName)

/** Faults told of each check; there may be more. */
export const FAULTS_PER_CHECK = 100
/** Minutes that one check may take; the rest of the program's statements have seconds. */
const CHECK_MINUTES = 10
/** Any number, as long as nobody else takes it. */
const LOCK = 7_243_801

export interface Checked {
  faults: Fault[]
  /** What was looked at. */
  transactions: bigint
  wallets: bigint
}

/**
 * All faults, of the books as they stood at one moment. `undefined` when another process is at it and `ifBusy` is
 * `Leave`.
 */
export async function checkBooks(
  database: Database,
  { ifBusy }: { ifBusy: 'Leave' | 'CheckAnyway' },
): Promise<Checked | undefined> {
  const check = async (transaction: Transaction) => {
    await transaction.unsafe(`SET LOCAL statement_timeout = '${CHECK_MINUTES}min'`)
    if (ifBusy === 'Leave') {
      const [lock] = await transaction<{ taken: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LOCK}) AS taken`
      if (!lock?.taken) return undefined
    }
    const faults: Fault[] = []
    for (const name of checkNames) faults.push(...(await faultsOf(transaction, name)))
    const [size] = await transaction<{ transactions: bigint; wallets: bigint }[]>`
      SELECT (SELECT count(*) FROM wallet_transactions) AS transactions, (SELECT count(*) FROM wallet_balances) AS wallets`
    return { faults, transactions: size?.transactions ?? 0n, wallets: size?.wallets ?? 0n }
  }
  return await inOneTransaction(database, check, 'ISOLATION LEVEL REPEATABLE READ READ ONLY')
}

async function faultsOf(queries: Queries, check: CheckName): Promise<Fault[]> {
  const rows = await queries.unsafe<{ id: string; detail: string }[]>(
    `SELECT id, detail FROM (${checks[check]}) AS broken ORDER BY id LIMIT ${FAULTS_PER_CHECK}`,
  )
  return rows.map(({ id, detail }) => ({ check, id, detail }))
}
