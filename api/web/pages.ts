// GET and POST /top-up/{token} and GET /top-up/{token}/done: where a player pays over the web. The token in the path is
// all that is needed and all that is taken: no cookie, no script, no sign-in.
import { type Context, Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Catalogue } from '../../crds/catalogue.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { logRefusal, refusalOf } from '../http/problem.ts'
import { limited, type RateLimits } from '../http/rate-limits.ts'
import type { RequestVariables } from '../http/request.ts'
import type { Markup } from './layout.ts'
import { styleSource } from './style.ts'
import {
  confirmingPage,
  creditedPage,
  errorPage,
  expiredPage,
  payPage,
  type TierPrice,
  unpaidPage,
} from './top-up-pages.ts'

/** A top-up as its pages show it. */
export interface TopUpView {
  firstName: string
  amountPaise: bigint
  state: 'Open' | 'Credited' | 'Expired'
  /** What the wallet holds now, free to be spent. */
  balancePaise: bigint
}

export interface PagesOutside {
  log: Logger
  limits: RateLimits
  catalogue: () => Catalogue
  /** Whole seconds of play that `paise` buy. */
  affordableSeconds(amount: { paise: bigint; ratePaisePerHour: bigint }): number
  /** `undefined` when no top-up has this token. */
  topUp(token: string): Promise<TopUpView | undefined>
  /** The hosted payment page of the top-up, made on first use. `undefined` when it can no longer be paid. */
  paymentUrl(token: string): Promise<string | undefined>
  /** True when Razorpay signed these parameters of the return address. Says nothing about money. */
  isSignedReturn(parameters: Record<string, string>): boolean
  /** Where the chat with the bot is, such as https://t.me/wasd_cloud_bot. */
  botUrl(): string
  /** Origins, besides our own and any https, to which the payment form may lead. */
  paymentOrigins: readonly string[]
}

type PageContext = Context<{ Variables: RequestVariables }>

/** Letters, digits, hyphen and underscore: whatever else stands in the path was never a token. */
const TOKEN = '/top-up/:token{[\\w-]{8,128}}'

export function topUpPages(outside: PagesOutside): Hono<{ Variables: RequestVariables }> {
  const { log, limits, catalogue } = outside
  const app = new Hono<{ Variables: RequestVariables }>()
  app.onError((error, context) => {
    const refusal = refusalOf(error)
    const requestId = context.get('requestId')
    logRefusal(log, { error, refusal, requestId })
    if (refusal.retryAfterSeconds !== undefined) context.header('Retry-After', String(refusal.retryAfterSeconds))
    const { title, sentence } = wordsOf(refusal.status)
    return context.html(errorPage({ title, sentence, requestId }), refusal.status)
  })

  app.use('/top-up/*', pageHeaders(outside.paymentOrigins))
  app.get('/top-up/*', limited('read', limits))
  app.post('/top-up/*', limited('pay', limits))

  app.get(TOKEN, async context => {
    const token = context.req.param('token')
    const topUp = await outside.topUp(token)
    if (!topUp) return missing(context)
    if (topUp.state === 'Credited') return show(context, creditedPage({ ...topUp, botUrl: outside.botUrl() }))
    if (topUp.state === 'Expired') return show(context, expiredPage(outside.botUrl()), 410)
    const tiers: TierPrice[] = Object.values(catalogue().tiers).map(({ title, pricePaisePerHour }) => {
      const ratePaisePerHour = BigInt(pricePaisePerHour)
      const seconds = outside.affordableSeconds({ paise: topUp.amountPaise, ratePaisePerHour })
      return { title, pricePaisePerHour: ratePaisePerHour, seconds }
    })
    return show(context, payPage({ ...topUp, tiers, payPath: `/top-up/${token}` }))
  })

  app.post(TOKEN, async context => {
    const token = context.req.param('token')
    const url = await outside.paymentUrl(token)
    // Paid meanwhile, expired, or never there: the page itself says which.
    return context.redirect(url ?? `/top-up/${token}`, 303)
  })

  app.get(`${TOKEN}/done`, async context => {
    const token = context.req.param('token')
    const topUp = await outside.topUp(token)
    if (!topUp) return missing(context)
    // The return address is the browser's word: it changes what is said, never what is owned.
    if (topUp.state === 'Credited') return show(context, creditedPage({ ...topUp, botUrl: outside.botUrl() }))
    const paid = context.req.query('razorpay_payment_link_status') === 'paid'
    if (paid && outside.isSignedReturn(context.req.query())) return show(context, confirmingPage(topUp.amountPaise))
    if (topUp.state === 'Expired') return show(context, expiredPage(outside.botUrl()), 410)
    return show(context, unpaidPage({ ...topUp, topUpPath: `/top-up/${token}` }))
  })

  app.all('/top-up/*', missing)
  return app
}

function pageHeaders(paymentOrigins: readonly string[]) {
  return secureHeaders({
    xFrameOptions: 'DENY',
    referrerPolicy: 'no-referrer', // The token in the path is nobody else's business.
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: [styleSource],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
      // A browser holds the redirect after the form against this, so it names where payments are taken.
      formAction: ["'self'", 'https:', ...paymentOrigins],
    },
  })
}

function show(context: PageContext, markup: Markup, status: ContentfulStatusCode = 200) {
  context.header('Cache-Control', 'no-store')
  return context.html(markup, status)
}

function missing(context: PageContext) {
  const sentence = 'This address belongs to no top-up. Ask the bot for a new one with /topup, and open it from there.'
  return show(context, errorPage({ title: 'Not found', sentence, requestId: context.get('requestId') }), 404)
}

function wordsOf(status: number): { title: string; sentence: string } {
  switch (status) {
    case 429:
      return { title: 'One moment', sentence: 'That was a lot at once. Wait a minute, then load this page again.' }
    case 502:
    case 503:
      return {
        title: 'Not at the moment',
        sentence: 'The payment cannot be opened just now. Nothing was charged. Load this page again in a minute.',
      }
    default:
      return {
        title: 'Something went wrong',
        sentence: 'It is our fault. Go back to the chat and look at /balance: what you have paid is never lost.',
      }
  }
}
