// /refund: which payments can go back, what it would give back, and the asking itself.

import type { BotOutside, Refundable } from './outside.ts'
import { codeOf } from './refusals.ts'
import type { Screen } from './screens.ts'
import * as screens from './screens.ts'
import type { Visitor } from './visitor.ts'

export async function refundList({ playerId, words }: Visitor, outside: BotOutside): Promise<Screen> {
  return screens.refunds(words, await outside.refundables(playerId))
}

export async function refundQuestion(handle: string, visitor: Visitor, outside: BotOutside): Promise<Screen> {
  const chosen = await refundableOf(handle, visitor, outside)
  return chosen ? screens.confirmRefund(visitor.words, chosen) : refundList(visitor, outside)
}

/** The player agreed to the amount on the button. Another amount is asked for again. */
export async function refundNow(
  press: { payment: string; amountPaise: bigint },
  visitor: Visitor,
  outside: BotOutside,
): Promise<Screen> {
  const { playerId, words } = visitor
  const chosen = await refundableOf(press.payment, visitor, outside)
  if (!chosen) return refundList(visitor, outside)
  const { amountPaise, rail } = chosen
  if (amountPaise !== press.amountPaise) return screens.confirmRefund(words, chosen, words.refundChanged())
  try {
    await outside.refund({ playerId, payment: press.payment, amountPaise })
  } catch (error) {
    // Spent, held or disputed between the look and the asking.
    if (!REFUSED.includes(codeOf(error) ?? '')) throw error
    return refundList(visitor, outside)
  }
  return screens.menu(words, words.refundStarted({ amountPaise, rail }))
}

const REFUSED = ['NothingToRefund', 'RefundNotWhole', 'RefundTooLarge', 'PaymentDisputed', 'PaymentUnknown']

async function refundableOf(handle: string, visitor: Visitor, outside: BotOutside): Promise<Refundable | undefined> {
  return (await outside.refundables(visitor.playerId)).find(({ payment }) => payment === handle)
}
