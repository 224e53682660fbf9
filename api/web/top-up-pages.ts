// The words and shapes of the top-up pages. Pure: what is to be shown goes in, markup comes out.
import { html } from 'hono/html'
import { duration, rupees } from '../bot/money.ts'
import { type Markup, page } from './layout.ts'

/** Seconds between looks at whether the money has arrived. */
const REFRESH_SECONDS = 3

export interface TierPrice {
  title: string
  pricePaisePerHour: bigint
  /** Whole seconds that the amount buys. */
  seconds: number
}

export function payPage(about: {
  firstName: string
  amountPaise: bigint
  tiers: readonly TierPrice[]
  payPath: string
}): Markup {
  const { firstName, amountPaise, tiers, payPath } = about
  return page({
    title: `Top up ${rupees(amountPaise)}`,
    body: html`
<h1>Top up ${possessive(firstName)} wallet</h1>
<p class="amount">${rupees(amountPaise)}</p>
<p class="soft">Tax included. It stays in the wallet until you play, and is counted by the second.</p>
<table>
<caption>What it buys</caption>
<tbody>
${tiers.map(
  ({ title, pricePaisePerHour, seconds }) =>
    html`<tr><th scope="row">${title}<small>${rupees(pricePaisePerHour)} an hour</small></th><td>${duration(seconds)}</td></tr>`,
)}
</tbody>
</table>
<form method="post" action="${payPath}"><button type="submit">Pay ${rupees(amountPaise)}</button></form>
<p class="soft small">UPI, cards, net banking. The payment is taken by Razorpay; we never see your card.</p>`,
  })
}

export function creditedPage(about: { amountPaise: bigint; balancePaise: bigint; botUrl: string }): Markup {
  const { amountPaise, balancePaise, botUrl } = about
  return page({
    title: 'Paid',
    body: html`
<h1 class="good">✓ Paid. The money is in the wallet.</h1>
<p class="amount">${rupees(amountPaise)}</p>
<p>Balance: <strong>${rupees(balancePaise)}</strong></p>
<a class="button" href="${botUrl}">Back to the chat</a>
<p class="soft small">Write /play there to pick a game.</p>`,
  })
}

export function confirmingPage(amountPaise: bigint): Markup {
  return page({
    title: 'Confirming',
    refreshSeconds: REFRESH_SECONDS,
    body: html`
<h1>Thank you. Razorpay is confirming the payment.</h1>
<p class="amount">${rupees(amountPaise)}</p>
<div class="wait" role="progressbar" aria-label="Waiting for the confirmation"></div>
<p class="soft">This mostly takes a few seconds, and this page looks by itself. You may close it: the bot writes to you
when the money is in the wallet.</p>`,
  })
}

/** Somebody came back without having paid, or the address was not made by Razorpay. */
export function unpaidPage(about: { amountPaise: bigint; topUpPath: string }): Markup {
  return page({
    title: 'Not paid yet',
    refreshSeconds: REFRESH_SECONDS * 5,
    body: html`
<h1>No payment has arrived yet</h1>
<p class="amount">${rupees(about.amountPaise)}</p>
<p class="soft">If you have just paid, it may take a moment: this page looks again by itself, and the bot writes to you.</p>
<a class="button" href="${about.topUpPath}">Pay now</a>`,
  })
}

export function expiredPage(botUrl: string): Markup {
  return page({
    title: 'Expired',
    body: html`
<h1>This top-up has expired</h1>
<p class="soft">Nothing was charged. Ask the bot for a new one with /topup.</p>
<a class="button" href="${botUrl}">Back to the chat</a>`,
  })
}

/** What went wrong, and what to do: in words, since whoever reads it came with money in hand. */
export function errorPage(about: { title: string; sentence: string; requestId: string }): Markup {
  return page({
    title: about.title,
    body: html`
<h1 class="bad">${about.title}</h1>
<p>${about.sentence}</p>
<p class="soft small">If you ask for help, name this: ${about.requestId}</p>`,
  })
}

function possessive(name: string): string {
  return name === '' ? 'your' : `${name}’s`
}
