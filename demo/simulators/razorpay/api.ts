// Razorpay's API over HTTP: authentication, faults, one line per call, the answer's shape, the log.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { append, nextSeq } from '../history.ts'
import { findDispute, listDisputes } from './disputes.ts'
import { invalid, RazorpayError, refuse } from './errors.ts'
import { faultBody, takeFault } from './faults.ts'
import { type Fields, isObject } from './fields.ts'
import { createOrder, findOrder, listOrders, paymentsOfOrder } from './orders.ts'
import { cancelLink, createLink, editLink, findLink, linkBody, listLinks } from './payment-links.ts'
import { captureByMerchant, findPayment, listPayments } from './payments.ts'
import { findRefund, listRefunds, refundByMerchant } from './refunds.ts'
import type { Account, Fault, World } from './state.ts'

type Environment = { Bindings: HttpBindings; Variables: { fault: Fault | undefined } }

export function razorpayApi(world: World): Hono<Environment> {
  const { state, clock } = world
  const app = new Hono<Environment>({ strict: false })

  app.use(async (context, next) => {
    const { method, path } = context.req
    const fault = takeFault(state, { method, path })
    context.set('fault', fault)
    if (fault) await clock.sleep(fault.delaySeconds * 1000)
    await next()
    const time = clock.now().toISOString()
    append(state.calls, {
      seq: nextSeq(state),
      time,
      method,
      path,
      status: context.res.status,
      ...(fault && { fault: fault.id }),
    })
    if (fault?.loseReply) context.env.outgoing.destroy()
  })
  app.use(async (context, next) => {
    const fault = context.get('fault')
    if (fault?.status === undefined) {
      authenticate(state.account, context.req.header('authorization'))
      return await next()
    }
    const body = faultBody({ ...fault, status: fault.status })
    // The control API keeps an injected status within 400 to 599.
    const status = fault.status as ContentfulStatusCode
    return 'html' in body ? context.html(body.html, status) : context.json(body.json, status)
  })

  app.post('/payment_links', async context => {
    return context.json(linkBody(createLink(world, await fieldsOf(context.req.raw))))
  })
  app.get('/payment_links', context => context.json(listLinks(world, context.req.query())))
  app.get('/payment_links/:id', context => context.json(linkBody(findLink(world, context.req.param('id')))))
  app.patch('/payment_links/:id', async context => {
    const fields = await fieldsOf(context.req.raw)
    return context.json(linkBody(editLink(world, { id: context.req.param('id'), fields })))
  })
  app.post('/payment_links/:id/cancel', context => context.json(linkBody(cancelLink(world, context.req.param('id')))))
  app.post('/payment_links/:id/notify_by/:medium', context => {
    findLink(world, context.req.param('id'))
    return context.json({ success: true })
  })

  app.get('/payments', context => context.json(listPayments(world, context.req.query())))
  app.get('/payments/:id', context => context.json(findPayment(world, context.req.param('id'))))
  app.post('/payments/:id/capture', async context => {
    const fields = await fieldsOf(context.req.raw)
    return context.json(captureByMerchant(world, { id: context.req.param('id'), fields }))
  })
  app.post('/payments/:id/refund', async context => {
    const payment = findPayment(world, context.req.param('id'))
    const key = context.req.header('x-refund-idempotency')
    return context.json(refundByMerchant(world, { payment, key, fields: await fieldsOf(context.req.raw) }))
  })
  app.get('/payments/:id/refunds', context => {
    const { id: paymentId } = findPayment(world, context.req.param('id'))
    return context.json(listRefunds(world, { paymentId, query: context.req.query() }))
  })
  app.get('/payments/:id/refunds/:refund', context => {
    const { id: paymentId, refund: id } = context.req.param()
    return context.json(findRefund(world, { id, paymentId }))
  })

  app.get('/refunds', context => context.json(listRefunds(world, { query: context.req.query() })))
  app.get('/refunds/:id', context => context.json(findRefund(world, { id: context.req.param('id') })))

  app.get('/disputes', context => context.json(listDisputes(world, context.req.query())))
  app.get('/disputes/:id', context => context.json(findDispute(world, context.req.param('id'))))

  app.post('/orders', async context => context.json(createOrder(world, await fieldsOf(context.req.raw))))
  app.get('/orders', context => context.json(listOrders(world, context.req.query())))
  app.get('/orders/:id', context => context.json(findOrder(world, context.req.param('id'))))
  app.get('/orders/:id/payments', context => context.json(paymentsOfOrder(world, context.req.param('id'))))

  app.all('*', () => {
    throw refuse('UnknownUrl')
  })
  app.onError((error, context) => {
    if (!(error instanceof RazorpayError)) throw error
    return context.json(error.body(), error.status as ContentfulStatusCode)
  })
  return app
}

function authenticate(account: Account, header: string | undefined): void {
  const encoded = /^Basic (.+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) throw refuse('NoCredentials')
  const expected = digest(`${account.keyId}:${account.keySecret}`)
  if (!timingSafeEqual(digest(Buffer.from(encoded, 'base64').toString()), expected)) throw refuse('WrongCredentials')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** JSON, or a form as old clients send it; an empty body has no fields. */
async function fieldsOf(request: Request): Promise<Fields> {
  const text = await request.text()
  if (text === '') return {}
  if (request.headers.get('content-type')?.includes('x-www-form-urlencoded')) {
    return Object.fromEntries(new URLSearchParams(text))
  }
  const parsed = parseJson(text)
  if (!isObject(parsed)) throw invalid('', 'Failed to parse request body')
  return parsed
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
