// A payment as it stands in the books once it is credited, without its way there.

import { creditPayment } from '../../api/payments/crediting.ts'
import { createTopUp } from '../../api/payments/top-ups.ts'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import { noon } from './books.ts'

/** The payment's id. */
export async function paid(database: Database, order: { playerId: string; amountPaise: bigint }): Promise<string> {
  const topUp = await createTopUp(database, { ...order, payBy: { rail: 'Razorpay' }, now: noon })
  const paid = { currency: 'INR', units: order.amountPaise } as const
  const payment = { id: `pay_${topUp.id}`, topUpId: topUp.id, paid, hasRefunds: false }
  await inTransaction(database, transaction => creditPayment(transaction, { rail: 'Razorpay', payment, now: noon }))
  return payment.id
}
