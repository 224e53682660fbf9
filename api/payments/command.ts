// `refund`: what support does about a player's money at a shell. It leaves the refund to the running API, which brings it
// to the gateway.
import type { Database } from '../../lib/database/pool.ts'
import { ArgumentsError, parseArguments } from '../arguments.ts'
import { isRail, type RailName, rails } from './rail.ts'
import { refundables, refundsOfPlayer } from './refundables.ts'
import { askRefund, type Refund } from './refunds.ts'

export const REFUND_USAGE = `Usage: npm run refund -- <command>

  payments PLAYER                    lists the payments of which something can go back, and how much
  list PLAYER                        lists the player's refunds and how they stand
  make PAYMENT --author NAME --reason TEXT [--paise N] [--rail ${rails.join('|')}]
                                     gives back N paise of a payment, or all that is left of it

PLAYER is the player's id. DATABASE_URL says where the books are.`

/** Refunds listed at most, the newest first. */
const REFUNDS_SHOWN = 100

/** What to print. Throws `ArgumentsError`, and what `askRefund` does. */
export async function refundCommand(args: readonly string[], database: Database, now: Date): Promise<string> {
  const text = { type: 'string' } as const
  const options = { author: text, reason: text, paise: text, rail: text }
  const { values, positionals } = parseArguments({ args: [...args], options, allowPositionals: true }, REFUND_USAGE)
  const [command, subject, ...rest] = positionals
  if (subject !== undefined && rest.length === 0) {
    switch (command) {
      case 'payments':
        return await payments(database, subject)
      case 'list':
        return await list(database, subject)
      case 'make':
        return await make(database, { ...values, paymentId: subject, now })
    }
  }
  throw new ArgumentsError(`Say payments PLAYER, list PLAYER or make PAYMENT.\n${REFUND_USAGE}`)
}

async function payments(database: Database, playerId: string): Promise<string> {
  const found = await refundables(database, playerId)
  if (found.length === 0) return 'Nothing can go back: no payment of this player has anything left that is free.'
  const head = ['PAYMENT', 'RAIL', 'PAID ON', 'PAID PAISE', 'LEFT PAISE']
  const rows = found.map(({ payment, leftPaise }) => [
    ...[payment.id, payment.rail, payment.creditedAt.toISOString()],
    ...[String(payment.amountPaise), String(leftPaise)],
  ])
  return table([head, ...rows])
}

async function list(database: Database, playerId: string): Promise<string> {
  const found = await refundsOfPlayer(database, { playerId, limit: REFUNDS_SHOWN })
  if (found.length === 0) return 'This player has no refunds.'
  const head = ['REFUND', 'PAYMENT', 'PAISE', 'ASKED BY', 'ASKED AT', 'STATE', 'REASON']
  return table([head, ...found.map(lineOf)])
}

function lineOf({ id, paymentId, amountPaise, askedBy, author, askedAt, state, failure, reason }: Refund): string[] {
  const asker = author === undefined ? askedBy : `${askedBy} ${author}`
  return [id, paymentId, String(amountPaise), asker, askedAt.toISOString(), state, failure ?? reason ?? '']
}

async function make(
  database: Database,
  order: {
    paymentId: string
    author?: string | undefined
    reason?: string | undefined
    paise?: string | undefined
    rail?: string | undefined
    now: Date
  },
): Promise<string> {
  const { paymentId, author = '', reason = '', paise, now } = order
  if (author.trim() === '' || reason.trim() === '') {
    throw new ArgumentsError(`--author and --reason are needed: they are kept beside the refund.\n${REFUND_USAGE}`)
  }
  if (paise !== undefined && !/^[1-9]\d{0,11}$/.test(paise)) {
    throw new ArgumentsError(`--paise is '${paise}'; a whole number above zero is expected.`)
  }
  const by = { askedBy: 'Operator', author, reason } as const
  const amount = paise === undefined ? {} : { amountPaise: BigInt(paise) }
  const refund = await askRefund(database, { rail: railOf(order), paymentId, by, now, ...amount })
  return `Refund ${refund.id} of ${refund.amountPaise} paise is on its way; \`list\` shows how it stands.`
}

/** Razorpay's ids tell themselves. */
function railOf({ paymentId, rail }: { paymentId: string; rail?: string | undefined }): RailName {
  if (rail === undefined) return paymentId.startsWith('pay_') ? 'Razorpay' : 'Stars'
  if (isRail(rail)) return rail
  throw new ArgumentsError(`--rail is '${rail}'; one of ${rails.join(', ')} is expected.`)
}

function table(rows: readonly string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  return rows
    .map(row =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
