// Invariants 4 and 5: the books, by plain SQL, held against what Kubernetes says was played and what the gateways say
// was paid.
import type { Finding } from './invariants.ts'
import { type Stores, sessions, whole } from './stores.ts'

export async function ledgerBalances(stores: Stores): Promise<Finding> {
  const promise = 'The ledger sums to zero, no wallet is below zero, each session is charged for its billable seconds'
  const wrong: string[] = []
  const { sql } = stores
  const [ledger] = await sql('SELECT coalesce(sum(amount_paise), 0) AS total, count(*) AS entries FROM wallet_entries')
  if (whole(ledger?.total) !== 0n) wrong.push(`the ledger sums to ${ledger?.total} paise`)

  const unbalanced = await sql(
    'SELECT transaction_id FROM wallet_entries GROUP BY transaction_id HAVING sum(amount_paise) <> 0',
  )
  for (const { transaction_id } of unbalanced) wrong.push(`transaction ${transaction_id} does not sum to zero`)

  const wallets = await sql(`
    SELECT b.account_id, b.posted_paise, coalesce(sum(e.amount_paise), 0) AS booked
    FROM wallet_balances b LEFT JOIN wallet_entries e USING (account_id) GROUP BY b.account_id, b.posted_paise`)
  for (const { account_id, posted_paise, booked } of wallets) {
    if (whole(posted_paise) < 0n) wrong.push(`${account_id} is below zero`)
    if (whole(posted_paise) !== whole(booked))
      wrong.push(`${account_id} says ${posted_paise} and its entries ${booked} paise`)
  }

  const objects = new Map((await sessions(stores)).map(session => [session.metadata.name, session]))
  const charges = await sql(
    'SELECT session_id, rate_paise_per_hour, paid_seconds, charged_paise, released_at FROM wallet_holds',
  )
  for (const { session_id, rate_paise_per_hour, paid_seconds, charged_paise, released_at } of charges) {
    const billing = objects.get(`gs-${session_id}`)?.status?.billing
    if (!billing) continue // Deleted after its time; its bill was settled before.
    const played = BigInt(billing.seconds ?? 0)
    const billable = played < whole(paid_seconds) ? played : whole(paid_seconds)
    const due = (whole(rate_paise_per_hour) * billable) / 3600n
    const isSettled = released_at !== null && billing.final === true
    if (isSettled ? whole(charged_paise) !== due : whole(charged_paise) > due) {
      wrong.push(`session ${session_id} was charged ${charged_paise} paise for ${billable} s, which cost ${due}`)
    }
  }
  if (wrong.length > 0) return { number: 4, promise, holds: false, evidence: wrong.join('; ') }
  return {
    number: 4,
    promise,
    holds: true,
    evidence: `${ledger?.entries} entries, ${wallets.length} wallet(s), ${charges.length} session(s) charged to the paisa`,
  }
}

interface RazorpayState {
  payments: { id: string; status: string; amount: number }[]
}

interface TelegramState {
  transactions: { id: string; direction: 'payment' | 'refund' }[]
}

export async function creditsMatchPayments({ sql, razorpay, telegram }: Stores): Promise<Finding> {
  const promise = 'A captured payment is credited exactly once; a forged or replayed webhook changes nothing'
  const wrong: string[] = []
  const { payments } = await razorpay<RazorpayState>('/simulator/state')
  const { transactions } = await telegram<TelegramState>('/simulator/state')
  const captured = new Map<string, string>([
    ...payments.filter(({ status }) => status === 'captured').map(({ id }): [string, string] => [`Razorpay ${id}`, id]),
    ...transactions
      .filter(({ direction }) => direction === 'payment')
      .map(({ id }): [string, string] => [`Stars ${id}`, id]),
  ])
  const credits = await sql('SELECT rail, id, amount_paise, transaction_id FROM payments')
  const counts = new Map<string, number>()
  for (const { rail, id } of credits) counts.set(`${rail} ${id}`, (counts.get(`${rail} ${id}`) ?? 0) + 1)
  for (const key of captured.keys())
    if (counts.get(key) !== 1) wrong.push(`${key} was credited ${counts.get(key) ?? 0} times`)
  for (const key of counts.keys()) if (!captured.has(key)) wrong.push(`${key} was credited and never captured`)

  for (const { id, amount } of payments) {
    const credit = credits.find(each => each.rail === 'Razorpay' && each.id === id)
    if (credit && whole(credit.amount_paise) !== BigInt(amount))
      wrong.push(`${id} is over ${amount} paise and was credited with ${credit.amount_paise}`)
  }
  const [topUps] = await sql("SELECT count(*) AS booked FROM wallet_transactions WHERE kind = 'TopUp'")
  if (whole(topUps?.booked) !== BigInt(credits.length))
    wrong.push(`${topUps?.booked} top-ups are booked for ${credits.length} payments`)

  if (wrong.length > 0) return { number: 5, promise, holds: false, evidence: wrong.join('; ') }
  return {
    number: 5,
    promise,
    holds: true,
    evidence: `${captured.size} payments captured at the gateways, ${credits.length} credited, ${topUps?.booked} booked`,
  }
}
