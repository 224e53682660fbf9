// The hosted page of a top-up: made when it is first asked for, and the same one ever after.
import type { Database } from '../../lib/database/pool.ts'
import type { HostedRail } from './rail.ts'
import { stateOf, topUpByToken } from './top-ups.ts'

/** Seconds after the page was made until the gateway is first asked whether it was paid without our being told. */
const FIRST_LOOK_SECONDS = 60

/** `undefined` when there is no such top-up, or it is paid or no longer offered. Throws `PaymentError`. */
export async function paymentUrl(
  outside: { database: Database; rail: HostedRail; publicUrl: string },
  { token, now }: { token: string; now: Date },
): Promise<string | undefined> {
  const { database, rail, publicUrl } = outside
  const topUp = await topUpByToken(database, token)
  if (topUp?.rail !== rail.name || stateOf(topUp, now) !== 'Open') return undefined
  if (topUp.page) return topUp.page.url

  const page = await rail.open(topUp, { returnUrl: `${publicUrl}/top-up/${token}/done`, now })
  const lookAt = new Date(now.getTime() + FIRST_LOOK_SECONDS * 1000)
  // Two who ask at once get the same page: its reference is unique at the gateway.
  await database`
    UPDATE top_ups SET link_id = ${page.id}, link_url = ${page.url}, look_at = ${lookAt}
    WHERE id = ${topUp.id} AND link_id IS NULL`
  return page.url
}
