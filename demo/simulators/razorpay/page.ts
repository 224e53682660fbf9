// The hosted payment page behind a link's short_url: real HTML with two buttons, so that a person or a browser test
// can pay. GET shows it, POST pays.
import { html } from 'hono/html'
import type { PaymentLink } from './state.ts'

const sentences = {
  created: '',
  paid: 'This payment link has been paid. Thank you.',
  cancelled: 'This payment link has been cancelled.',
  expired: 'This payment link has expired.',
} as const satisfies Record<PaymentLink['status'], string>

/** Rupees with two decimals and India's grouping. */
export function rupees(paise: number): string {
  return new Intl.NumberFormat('en-IN', { style: 'currency', currency: 'INR' }).format(paise / 100)
}

export function paymentPage(link: PaymentLink, notice: string) {
  const open = link.status === 'created'
  const buttons = html`<form method="post">
    <button name="outcome" value="captured" autofocus>Pay ${rupees(link.amount)}</button>
    <button name="outcome" value="failed">Fail</button>
  </form>`
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Pay ${rupees(link.amount)}</title>
  <style>
    body { font: 16px system-ui, sans-serif; background: #eef2f7; display: grid; place-items: center; min-height: 95vh }
    main { background: #fff; padding: 2rem 2.5rem; border-radius: 12px; box-shadow: 0 2px 12px #0002; min-width: 18rem }
    h1 { margin: 0 0 .5rem; font-size: 2rem } small { color: #777 }
    button { font: inherit; padding: .6rem 1.2rem; margin: .5rem .5rem .5rem 0; border-radius: 8px; border: 1px solid #ccd }
    button[value=captured] { background: #0a58ff; color: #fff; border-color: #0a58ff }
  </style>
</head>
<body>
  <main>
    <h1 id="amount">${rupees(link.amount)}</h1>
    <p id="description">${link.description}</p>
    <p id="status" role="status">${notice === '' ? sentences[link.status] : notice}</p>
    ${open ? buttons : ''}
    <p><small>Razorpay simulator. No money moves.<br>${link.reference_id}</small></p>
  </main>
</body>
</html>`
}
