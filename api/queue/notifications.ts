// What a player is told without having asked. Queued in the transaction that made it true, and put into words by the
// bot. Paise travel as decimal strings: JSON has no integers of their size.
import { z } from 'zod'

const paise = z.string().regex(/^-?\d{1,18}$/)
/** The part of an amount that went into what was owed. */
const repaid = paise.default('0')
const seconds = z.int().min(0)
const rail = z.enum(['Razorpay', 'Stars'])

export const receiptSchema = z.object({
  game: z.string(),
  tier: z.string(),
  ratePaisePerHour: paise,
  playedSeconds: seconds,
  chargedPaise: paise,
  repaidPaise: repaid,
  balancePaise: paise,
  /** None of it was billed. */
  interruptions: z.array(z.object({ cause: z.string(), seconds })),
  endReason: z.string(),
  /** Where something was charged. */
  document: z
    .object({
      sessionId: z.string(),
      number: z.string(),
      taxName: z.string(),
      taxBasisPoints: z.int().min(0),
      taxPaise: paise,
    })
    .optional(),
})
export type Receipt = z.infer<typeof receiptSchema>

export const notificationSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('TopUpCredited'),
    amountPaise: paise,
    repaidPaise: repaid,
    balancePaise: paise,
    rail,
  }),
  z.object({ type: z.literal('RefundProcessed'), amountPaise: paise, balancePaise: paise, rail }),
  /** It could not be paid out, and is in the wallet again. */
  z.object({ type: z.literal('RefundFailed'), amountPaise: paise, repaidPaise: repaid, balancePaise: paise, rail }),
  /** Support gave a payment back, or the player's bank asked for it. `owedPaise`: what of it is spent, or held for a session. */
  z.object({
    type: z.literal('MoneyTakenBack'),
    because: z.enum(['Refund', 'Dispute']),
    amountPaise: paise,
    balancePaise: paise,
    owedPaise: paise,
  }),
  /** What the bank had asked for is in the wallet again. */
  z.object({ type: z.literal('DisputeWon'), amountPaise: paise, repaidPaise: repaid, balancePaise: paise }),
  /** No capacity at the moment; `reason` is a sentence for a person. */
  z.object({ type: z.literal('SessionWaiting'), reason: z.string() }),
  /** `game` is the catalogue's key. */
  z.object({ type: z.literal('SessionReady'), sessionId: z.string(), game: z.string(), host: z.string() }),
  z.object({ type: z.literal('SessionRecovering'), sessionId: z.string(), game: z.string() }),
  /** `seconds` is the length of the gap, which is not billed. */
  z.object({ type: z.literal('SessionRecovered'), sessionId: z.string(), host: z.string(), seconds }),
  z.object({ type: z.literal('SessionPaused') }),
  z.object({ type: z.literal('SessionResumed'), host: z.string() }),
  z.object({ type: z.literal('BalanceLow'), minutesLeft: z.int().min(0) }),
  z.object({ type: z.literal('SessionEnded'), receipt: receiptSchema }),
  z.object({ type: z.literal('SessionFailed'), message: z.string() }),
  /** We did not keep a promise; `reason` is a sentence for a person. */
  z.object({ type: z.literal('FaultCredited'), amountPaise: paise, balancePaise: paise, reason: z.string() }),
])
export type Notification = z.infer<typeof notificationSchema>
