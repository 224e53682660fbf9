// Money that a gateway tells of and the books cannot take: no repetition mends it, and a person has to compare the two. Told
// by a webhook it stays as a dead letter; told to the bot, or found by asking, it is kept as a contradiction.
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PermanentError } from '../queue/errors.ts'
import { keepContradiction, tellContradiction } from '../wallet/contradictions.ts'
import { WalletError, walletSentences } from '../wallet/errors.ts'
import { isPaymentError, type PaymentError } from './errors.ts'
import type { Movement, RailName } from './rail.ts'

const paymentCodes = ['PaymentMismatch', 'TopUpUnknown'] as const

export const paymentContradictionCodes: readonly string[] = [...paymentCodes, ...Object.keys(walletSentences)]

/** Tells it from what may pass by itself. */
export function isContradiction(error: unknown): error is PaymentError | WalletError {
  return error instanceof WalletError || isPaymentError(error, ...paymentCodes)
}

/** What a handler of the queue is to throw for `error`: such money is a dead letter at once. */
export function forGoodIfContradiction(error: unknown): unknown {
  return isContradiction(error) ? new PermanentError(error.code, error.message, { cause: error }) : error
}

/** Keeps what cannot be placed, and tells of it once, however often and by whatever way it is met. */
export async function keepUnplaced(
  { database, clock, log }: { database: Database; clock: Clock; log: Logger },
  { rail, movement, error }: { rail: RailName; movement: Movement; error: PaymentError | WalletError },
): Promise<void> {
  const contradiction = { code: error.code, subject: subjectOf(rail, movement), detail: error.message }
  const isNew = await keepContradiction(database, { ...contradiction, now: clock.now() })
  if (isNew) tellContradiction(log, contradiction, { rail, movement })
}

/** What was kept of payments that are in the books by now has gone. */
export async function forgetPlaced(database: Database, now: Date): Promise<void> {
  await database`
    UPDATE contradictions SET resolved_at = ${now}
    WHERE resolved_at IS NULL AND split_part(subject, ' ', 2) = 'payment' AND EXISTS (SELECT FROM payments payment
      WHERE payment.rail = split_part(subject, ' ', 1) AND payment.id = split_part(subject, ' ', 3))`
}

function subjectOf(rail: RailName, movement: Movement): string {
  switch (movement.is) {
    case 'Payment':
      return `${rail} payment ${movement.payment.id}`
    case 'Authorization':
      return `${rail} payment ${movement.paymentId}`
    case 'Refund':
      return `${rail} refund ${movement.refund.id}`
    case 'Dispute':
      return `${rail} dispute ${movement.dispute.id}`
    default:
      return movement satisfies never
  }
}
