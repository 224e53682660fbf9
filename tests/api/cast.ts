// Of every operation a request that has to be taken: by somebody who may, about what is really there.
import { charge } from '../../api/wallet/holds.ts'
import { issueReceipt } from '../../api/wallet/receipts.ts'
import { inTransaction } from '../../lib/database/pool.ts'
import { paid } from '../money/paid.ts'
import { type ApiPlayer, ask, needed, signIn } from './client-of.ts'
import type { FrontStack } from './front.ts'

export interface Right {
  token?: string
  params?: Record<string, string>
  query?: Record<string, string>
  body?: Record<string, unknown>
  /** How often it may be asked; without end, unless it says otherwise. */
  uses?: number
}

/** By operation; each time anew. */
export type Cast = Record<string, () => Promise<Right>>

/** Done, it cannot be done again: what it takes is used up. */
export const SPENDING = [
  ...['completeOpenIdSignIn', 'signInFromMiniApp', 'refreshTokens', 'signOut', 'deleteMe'],
  ...['startSession', 'createRefund'],
]

const wish = { game: 'star-caravan', tier: 'standard' }

/** All but the machines' own, for whom a cluster is needed. */
export function castOf(stack: FrontStack): Cast {
  const player = async () => await signIn(stack, 'Cast')
  const as = async (right: Right = {}) => ({ token: (await player()).token, ...right })
  const rich = async () => {
    const made = await player()
    await made.isCredited(1000)
    return made
  }
  const begun = async () => {
    const made = await rich()
    const sessionId = needed((await made.post('/v1/sessions', wish)).json.id)
    return { made, right: { token: made.token, params: { sessionId } } }
  }
  const payer = async () => {
    const made = await player()
    return { made, paymentId: await paid(stack.database, { playerId: made.id, amountPaise: 50_000n }) }
  }

  /** A session that was played for a minute, is over, and has its receipt. */
  async function over(): Promise<Right> {
    const { made, right } = await begun()
    await playedAMinute(stack, made, right.params.sessionId)
    return right
  }

  async function confirmed(): Promise<Right> {
    const { json } = await ask(stack.publicUrl, '/v1/sign-in/openid', { method: 'POST' })
    const back = await (await stack.telegram.person('Cast')).confirms(needed(json.authorizationUrl))
    const { code, state } = Object.fromEntries(back.searchParams)
    return { body: { attempt: json.attempt, code, state } }
  }

  async function toppingUp(): Promise<Right> {
    const made = await player()
    const topUpId = needed((await made.post('/v1/top-ups', { amountPaise: 10_000 })).json.id)
    return { token: made.token, params: { topUpId } }
  }

  async function refunded(): Promise<Right> {
    const { made, paymentId } = await payer()
    const refundId = needed((await made.post('/v1/refunds', { paymentId })).json.id)
    return { token: made.token, params: { refundId } }
  }

  return {
    beginOpenIdSignIn: async () => ({ body: {} }),
    completeOpenIdSignIn: confirmed,
    signInFromMiniApp: async () => ({
      body: { initData: await (await stack.telegram.person('Cast')).opensMiniApp() },
    }),
    refreshTokens: async () => ({ body: { refreshToken: (await player()).tokens.refreshToken } }),
    signOut: () => as({ body: {} }),
    getMe: () => as(),
    deleteMe: () => as(),
    exportMe: async () => ({ token: (await payer()).made.token }),
    getCatalogue: async () => ({}),
    getQuote: () => as({ query: wish }),
    startSession: async () => ({ token: (await rich()).token, body: wish }),
    listSessions: async () => ({ token: (await begun()).made.token }),
    getSession: async () => (await begun()).right,
    pauseSession: async () => ({ ...(await begun()).right, body: {} }),
    resumeSession: async () => ({ ...(await begun()).right, body: {} }),
    endSession: async () => ({ ...(await begun()).right, body: {} }),
    streamSessionEvents: over,
    getReceipt: over,
    getWallet: () => as(),
    getStatement: async () => ({ token: (await rich()).token }),
    createTopUp: () => as({ body: { amountPaise: 10_000 } }),
    listTopUps: toppingUp,
    getTopUp: toppingUp,
    listPayments: async () => ({ token: (await payer()).made.token }),
    createRefund: async () => {
      const { made, paymentId } = await payer()
      return { token: made.token, body: { paymentId } }
    },
    listRefunds: refunded,
    getRefund: refunded,
  }
}

/** Plays a minute of the session, ends it, and issues its receipt, as its final bill does. */
export async function playedAMinute(stack: FrontStack, player: ApiPlayer, sessionId: string): Promise<void> {
  const [now, tax, playerId] = [new Date(), { name: 'GST', basisPoints: 1800 }, player.id]
  const lines = [{ at: now.toISOString(), kind: 'Play', seconds: 60, paise: 150 } as const]
  await inTransaction(stack.database, transaction =>
    charge(transaction, { sessionId, playerId, playedSeconds: 60n, now }),
  )
  await stack.settle(sessionId, playerId)
  await inTransaction(stack.database, transaction =>
    issueReceipt(transaction, { sessionId, playerId, tax, lines, now }),
  )
}
