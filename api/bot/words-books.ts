// Statement and receipt in English. A receipt is a document: what stands on it is what was written when it was issued.
import type { Receipt as ReceiptDocument, ReceiptLine } from '../wallet/receipts.ts'
import type { StatementLine } from '../wallet/statement.ts'
import { type Html, html, lines } from './html.ts'
import { exactDuration, rupees } from './money.ts'

/** The data centre's and the player's own time. */
const TIME_ZONE = 'Asia/Kolkata'
const day = new Intl.DateTimeFormat('en-IN', { timeZone: TIME_ZONE, day: '2-digit', month: 'short' })
const fullDay = new Intl.DateTimeFormat('en-IN', {
  timeZone: TIME_ZONE,
  day: '2-digit',
  month: 'short',
  year: 'numeric',
})
const clock = new Intl.DateTimeFormat('en-GB', {
  timeZone: TIME_ZONE,
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

export const causes: Record<string, string> = {
  Evicted: 'the data centre took the machine back',
  StreamLost: 'the stream was lost',
  MachineStopped: 'the machine stopped',
  MachineLost: 'the machine was lost',
  MachineChanged: 'the machine was exchanged',
}

function what({ kind, source, game, reason }: StatementLine): string {
  const through = source === 'stars' ? ' with Stars' : ''
  switch (kind) {
    case 'TopUp':
      return `Top-up${through}`
    case 'Promotion':
      return `Gift: ${reason ?? ''}`
    case 'FaultCredit':
      return `Credit: ${reason ?? ''}`
    case 'Adjustment':
      return `Correction: ${reason ?? ''}`
    case 'Reversal':
      return 'Given back'
    case 'Play':
      return `Play: ${game ?? 'a session'}`
    case 'Expiry':
      return 'Expired gift or credit'
    case 'Repayment':
      return 'Set free when a session ended'
    case 'RefundStarted':
      return 'Refund to you'
    case 'RefundReturned':
      return 'Refund that could not be paid out'
    case 'ExternalRefund':
      return 'Refund to you'
    case 'Dispute':
      return 'Payment disputed with your bank'
    default:
      return kind satisfies never
  }
}

/** Characters of one line's words: a screen of Telegram's holds 4096. */
const WORDS_CHARACTERS = 120

export function statementWords(about: { lines: readonly StatementLine[]; owedPaise: bigint }): Html {
  const { owedPaise } = about
  if (about.lines.length === 0) return html`Nothing has come into your wallet yet, and nothing has left it.`
  return lines(
    html`📒 <b>Your wallet</b>, the newest first`,
    ...about.lines.flatMap(line => [
      html``,
      html`${day.format(line.at)}, ${clock.format(line.at).slice(0, 5)} · ${what(line).slice(0, WORDS_CHARACTERS)}`,
      html`<b>${signed(line.amountPaise)}</b> · balance ${rupees(line.balancePaise)}`,
      line.repaidPaise > 0n ? html`${rupees(line.repaidPaise)} of it repaid what you owed.` : undefined,
      line.repaidPaise < 0n
        ? html`${rupees(-line.repaidPaise)} of it is spent or held for your session, and is owed.`
        : undefined,
    ]),
    owedPaise > 0n ? html`` : undefined,
    owedPaise > 0n
      ? html`You owe ${rupees(owedPaise)}. What your session leaves over repays it, then your next top-up.`
      : undefined,
  )
}

function signed(paise: bigint): string {
  return paise > 0n ? `+${rupees(paise)}` : rupees(paise)
}

export interface ReceiptView {
  document: ReceiptDocument
  game: string
  tier: string
  ratePaisePerHour: bigint
}

/** Stretches on one screen; a longer evening has the rest added up. */
const LINES = 40

export function receiptWords({ document, game, tier, ratePaisePerHour }: ReceiptView): Html {
  const { number, issuedAt, totalPaise, tax, taxPaise, lines: all } = document
  const shown = all.slice(0, LINES)
  const rest = all.slice(LINES)
  return lines(
    html`🧾 <b>Receipt ${number}</b>, ${fullDay.format(issuedAt)}`,
    html`<b>${game}</b> on ${tier}, ${rupees(ratePaisePerHour)} an hour by the second`,
    html``,
    ...shown.map(stretch),
    rest.length === 0
      ? undefined
      : html`and ${rest.length} more: ${rupees(rest.reduce((sum, { paise }) => sum + BigInt(paise), 0n))}`,
    html``,
    html`Total: <b>${rupees(totalPaise)}</b>`,
    html`${tax.name} of ${percent(tax.basisPoints)} is included: ${rupees(taxPaise)}`,
  )
}

function stretch({ at, kind, seconds, cause, paise }: ReceiptLine): Html {
  const from = new Date(at)
  const to = new Date(from.getTime() + seconds * 1000)
  const span = `${clock.format(from)}–${clock.format(to)}`
  if (kind === 'Play') return html`${span} · played ${exactDuration(seconds)} · ${rupees(BigInt(paise))}`
  return html`${span} · ${causes[cause ?? ''] ?? 'interrupted'} · ${exactDuration(seconds)} · free`
}

/** 1800 as "18 %", 1250 as "12.5 %". */
export function percent(basisPoints: number): string {
  return `${basisPoints / 100} %`
}
