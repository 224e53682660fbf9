// The routes of the hosted page: GET shows it, POST pays and sends the browser on, signed, as Razorpay does.
import { Hono } from 'hono'
import { checkout } from './checkout.ts'
import { afterSeconds, type ControlOutside } from './control.ts'
import { paymentPage } from './page.ts'
import { lookUpLink } from './payment-links.ts'

export function hostedPage(outside: ControlOutside): Hono {
  const { world } = outside
  const app = new Hono()
  app.get('/:code', context => {
    const link = lookUpLink(world, context.req.param('code'))
    return link ? context.html(paymentPage(link, '')) : context.text('There is no such payment link.', 404)
  })
  app.post('/:code', async context => {
    const link = lookUpLink(world, context.req.param('code'))
    if (link === undefined) return context.text('There is no such payment link.', 404)
    if (link.status !== 'created') return context.html(paymentPage(link, ''), 409)
    const form = await context.req.parseBody()
    const outcome = form.outcome === 'captured' ? 'captured' : 'failed'
    const later = afterSeconds(outside, outside.lateSeconds)
    const { callbackUrl } = checkout(world, { link, method: 'upi', outcome, later })
    if (callbackUrl) return context.redirect(callbackUrl, 303)
    return context.html(paymentPage(link, outcome === 'failed' ? 'The payment failed. Try again.' : ''))
  })
  return app
}
