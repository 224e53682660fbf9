// Money that a gateway tells of and the books cannot take: no repetition mends it, and a person has to compare the two. Told
// by a webhook it stays as a dead letter; found by asking it is a metric with its code, and one line in the log.
import { Counter, type Registry } from 'prom-client'
import type { Logger } from '../../lib/telemetry/log.ts'
import { PermanentError } from '../queue/errors.ts'
import { WalletError, walletSentences } from '../wallet/errors.ts'
import { isPaymentError, type PaymentError } from './errors.ts'
import type { Movement, RailName } from './rail.ts'

const paymentCodes = ['PaymentMismatch', 'TopUpUnknown'] as const

/** Tells it from what may pass by itself. */
export function isContradiction(error: unknown): error is PaymentError | WalletError {
  return error instanceof WalletError || isPaymentError(error, ...paymentCodes)
}

/** What a handler of the queue is to throw for `error`: such money is a dead letter at once. */
export function forGoodIfContradiction(error: unknown): unknown {
  return isContradiction(error) ? new PermanentError(error.code, error.message, { cause: error }) : error
}

/** Told each time that asking finds one. */
export type OnContradiction = (found: { rail: RailName; movement: Movement; error: PaymentError | WalletError }) => void

/** Those of which it is remembered that they were told; with more, the oldest may be told once more. */
const REMEMBERED = 1000

/** Counts and logs each once in this process, however often it is found. Registers with `registry`; once per registry. */
export function contradictions({ registry, log }: { registry: Registry; log: Logger }): OnContradiction {
  const counter = new Counter({
    name: 'wasd_api_payment_contradictions_total',
    help: 'Payments, refunds and disputes found by asking a gateway that the books cannot take; a person has to compare them',
    labelNames: ['rail', 'code'],
    registers: [registry],
  })
  for (const rail of ['Razorpay', 'Stars'] as const) {
    // A series that begins with its first find never rises in Prometheus's eyes.
    for (const code of [...paymentCodes, ...Object.keys(walletSentences)]) counter.inc({ rail, code }, 0)
  }
  const known = new Set<string>()
  return ({ rail, movement, error }) => {
    const id = `${rail} ${movement.is} ${idOf(movement)} ${error.code}`
    if (known.has(id)) return
    known.add(id)
    for (const oldest of known) {
      if (known.size <= REMEMBERED) break
      known.delete(oldest)
    }
    counter.inc({ rail, code: error.code })
    log.error({ error, rail, movement }, 'Money that cannot be placed; a person has to compare it with the gateway')
  }
}

function idOf(movement: Movement): string {
  switch (movement.is) {
    case 'Payment':
      return movement.payment.id
    case 'Authorization':
      return movement.paymentId
    case 'Refund':
      return movement.refund.id
    case 'Dispute':
      return movement.dispute.id
    default:
      return movement satisfies never
  }
}
