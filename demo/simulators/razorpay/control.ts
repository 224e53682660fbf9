// The control API: what a person pays, what a dashboard does, what a test breaks. Shapes are in README.md.
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { z } from 'zod'
import type { Clock } from '../clock.ts'
import { answerControlErrors, body, ControlError, parse } from '../control-api.ts'
import { checkout, OUTCOMES } from './checkout.ts'
import { moveDispute, raiseDispute } from './disputes.ts'
import { linkBody, lookUpLink } from './payment-links.ts'
import { refundPayment, settleRefund } from './refunds.ts'
import {
  DISPUTE_OUTCOMES,
  DISPUTE_PHASES,
  METHODS,
  type Payment,
  type PaymentLink,
  type State,
  type World,
} from './state.ts'
import type { Webhooks } from './webhooks.ts'

const paise = z.int().min(1)
const payBody = z.strictObject({
  method: z.enum(METHODS).default('upi'),
  outcome: z.enum(OUTCOMES).default('captured'),
  lateSeconds: z.number().min(0).max(86_400).optional(),
})
const webhookBody = z.strictObject({
  url: z.url(),
  secret: z.string().min(1).optional(),
  events: z.array(z.string()).optional(),
})
const redeliverBody = z.strictObject({
  payment: z.string().optional(),
  event_id: z.string().optional(),
  newEventId: z.boolean().default(false),
})
const faultBody = z.strictObject({
  method: z.enum(['GET', 'POST', 'PATCH']).optional(),
  path: z.string().startsWith('/v1').default('/v1'),
  status: z.int().min(400).max(599).optional(),
  description: z.string().optional(),
  delay: z.number().min(0).max(120).default(0),
  loseReply: z.boolean().default(false),
  times: z.int().min(1).default(1),
})
const refundStatus = z.enum(['pending', 'processed', 'failed'])
const refundBody = z.union([
  z.strictObject({
    payment_id: z.string(),
    amount: paise.optional(),
    receipt: z.string().max(40).optional(),
    status: refundStatus.default('processed'),
  }),
  z.strictObject({ refund_id: z.string(), status: z.enum(['processed', 'failed']) }),
])
const refundOutcomeBody = z.strictObject({ status: refundStatus })
const disputeBody = z.union([
  z.strictObject({
    payment_id: z.string(),
    amount: paise.optional(),
    phase: z.enum(DISPUTE_PHASES).default('chargeback'),
  }),
  z.strictObject({ dispute_id: z.string(), status: z.enum(DISPUTE_OUTCOMES), deducted: paise.optional() }),
])
const sinceQuery = z.object({ since: z.coerce.number().int().default(0) })

export interface ControlOutside {
  world: World
  webhooks: Webhooks
  clock: Clock
  lateSeconds: number
  stopped: AbortSignal
}

export function controlApi(outside: ControlOutside): Hono {
  const { world, webhooks } = outside
  const { state, random } = world
  const app = new Hono()
  app.use(cors())

  app.get('/state', context => context.json(stateBody(state)))

  app.get('/log', context => {
    const { since } = parse(sinceQuery, context.req.query())
    return context.json({ seq: state.seq, calls: state.calls.filter(({ seq }) => seq > since) })
  })

  app.get('/deliveries', context => {
    const { since } = parse(sinceQuery, context.req.query())
    return context.json({ seq: state.seq, deliveries: state.deliveries.filter(({ seq }) => seq > since) })
  })

  app.post('/payment-links/:id/pay', async context => {
    const link = openLink(world, context.req.param('id'))
    const { method, outcome, lateSeconds } = parse(payBody, await body(context.req.raw))
    const later = afterSeconds(outside, lateSeconds ?? outside.lateSeconds)
    const { payment, callbackUrl } = checkout(world, { link, method, outcome, later })
    return context.json({ payment, payment_link: linkBody(link), ...(callbackUrl && { callback_url: callbackUrl }) })
  })

  app.post('/webhook', async context => {
    const { url, secret, events } = parse(webhookBody, await body(context.req.raw))
    state.webhook = {
      url,
      secret: secret ?? state.webhook.secret,
      events: events ?? state.webhook.events,
      active: true,
    }
    webhooks.release()
    return context.json({ url, active: true })
  })

  app.post('/redeliver', async context => {
    const { payment, event_id, newEventId } = parse(redeliverBody, await body(context.req.raw))
    const wanted = [...state.events.values()].filter(({ id, payment_id }) =>
      event_id !== undefined ? id === event_id : payment !== undefined && payment_id === payment,
    )
    if (wanted.length === 0)
      throw new ControlError(404, 'no event of that payment or id; GET /simulator/state lists them')
    if (state.webhook.url === undefined) throw new ControlError(409, 'no webhook is set, so nothing can be redelivered')
    const events = wanted.map(event => ({ event, id: newEventId ? random.word(14) : event.id }))
    for (const { event, id } of events) await webhooks.redeliver(event, id)
    return context.json({ events: events.map(({ id }) => id) })
  })

  app.post('/faults', async context => {
    const given = parse(faultBody, await body(context.req.raw))
    const { method, path, status, description, delay, loseReply, times } = given
    const id = `fault-${random.word(6)}`
    state.faults.push({ id, method, path, status, description, delaySeconds: delay, loseReply, timesLeft: times })
    return context.json({ id }, 201)
  })

  app.delete('/faults', context => {
    state.faults = []
    return context.json({})
  })

  app.post('/refunds', async context => {
    const given = parse(refundBody, await body(context.req.raw))
    if ('refund_id' in given) {
      const refund = state.refunds.get(given.refund_id)
      const isBounce = refund?.status === 'processed' && given.status === 'failed'
      if (!refund || (refund.status !== 'pending' && !isBounce)) {
        throw new ControlError(409, `there is no refund ${given.refund_id} that could become ${given.status}`)
      }
      settleRefund(world, { refund, payment: paymentOf(state, refund.payment_id), status: given.status })
      return context.json(refund)
    }
    const payment = paymentOf(state, given.payment_id)
    const left = payment.amount - payment.amount_refunded
    const amount = given.amount ?? left
    if (!payment.captured || amount > left || amount === 0) {
      throw new ControlError(
        409,
        `${payment.id} is ${payment.status}; ${payment.captured ? left : 0} paise can be refunded`,
      )
    }
    const { status, receipt = null } = given
    return context.json(refundPayment(world, { payment, amount, status, receipt }), 201)
  })

  app.post('/refund-outcome', async context => {
    const { status } = parse(refundOutcomeBody, await body(context.req.raw))
    state.refundOutcome = status
    return context.json({ status })
  })

  app.post('/disputes', async context => {
    const given = parse(disputeBody, await body(context.req.raw))
    if ('dispute_id' in given) {
      const dispute = state.disputes.get(given.dispute_id)
      if (dispute === undefined) throw new ControlError(404, `there is no dispute ${given.dispute_id}`)
      const payment = paymentOf(state, dispute.payment_id)
      const { status, deducted } = given
      return context.json(moveDispute(world, { dispute, payment, status, ...(deducted && { deducted }) }))
    }
    const payment = paymentOf(state, given.payment_id)
    const amount = given.amount ?? payment.amount
    return context.json(raiseDispute(world, { payment, amount, phase: given.phase }), 201)
  })

  answerControlErrors(app)
  return app
}

/** Runs what is given to it after so many seconds, unless the simulator stops before. */
export function afterSeconds(outside: Pick<ControlOutside, 'clock' | 'stopped'>, seconds: number) {
  return (act: () => void): void => {
    const stopped = () => undefined
    void outside.clock.sleep(seconds * 1000, outside.stopped).then(act, stopped)
  }
}

function openLink(world: World, name: string): PaymentLink {
  const link = lookUpLink(world, name)
  if (link === undefined) throw new ControlError(404, `there is no payment link ${name}`)
  if (link.status !== 'created') throw new ControlError(409, `the payment link ${link.id} is ${link.status}`)
  return link
}

function paymentOf(state: State, id: string): Payment {
  const payment = state.payments.get(id)
  if (payment === undefined) throw new ControlError(404, `there is no payment ${id}`)
  return payment
}

function stateBody(state: State): Record<string, unknown> {
  const { webhook, paymentLinks, orders, payments, refunds, disputes, events, faults } = state
  return {
    webhook: { url: webhook.url ?? null, events: webhook.events ?? null, active: webhook.active },
    payment_links: [...paymentLinks.values()].map(linkBody),
    orders: [...orders.values()],
    payments: [...payments.values()],
    refunds: [...refunds.values()],
    disputes: [...disputes.values()],
    events: [...events.values()],
    faults,
  }
}
