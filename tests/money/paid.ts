// A payment as it stands in the books once it is credited, without its way there.
import { creditPayment } from '../../api/payments/crediting.ts'
import { createTopUp, type TopUpOrder } from '../../api/payments/top-ups.ts'
import { type Database, inTransaction } from '../../lib/database/pool.ts'
import { noon } from './books.ts'

/** The payment's id. */
export async function paid(
  database: Database,
  order: { playerId: string; amountPaise: bigint; payBy?: TopUpOrder['payBy'] },
): Promise<string> {
  const { playerId, amountPaise, payBy = { rail: 'Razorpay' } } = order
  const { rail } = payBy
  const topUp = await createTopUp(database, { playerId, amountPaise, payBy, now: noon })
  const paid =
    topUp.stars === undefined ? { currency: 'INR', units: amountPaise } : { currency: 'XTR', units: topUp.stars }
  const payment = { id: `pay_${topUp.id}`, topUpId: topUp.id, paid, hasRefunds: false }
  await inTransaction(database, transaction => creditPayment(transaction, { rail, payment, now: noon }))
  return payment.id
}
