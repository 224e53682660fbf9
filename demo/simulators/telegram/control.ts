// The control API: what a gamer does and sees, and what a test breaks. Shapes are in README.md.
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import { z } from 'zod'
import { unixSeconds } from '../clock.ts'
import { answerControlErrors, body, ControlError, parse } from '../control-api.ts'
import { chatBody, findButton, messageBody, personWrites } from './messages.ts'
import type { Services } from './methods.ts'
import { miniAppData, type OpenIdProvider, tamperBody } from './open-id.ts'
import { type PayOutcome, pay, payable } from './stars.ts'
import { type Chat, type Message, type State, starBalance } from './state.ts'
import { enqueue } from './updates.ts'

/** Longest wait of a long poll, seconds. */
const WAIT_LIMIT = 60

const seconds = z.number().min(0).max(WAIT_LIMIT)
const userBody = z.strictObject({
  first_name: z.string().min(1).max(64),
  last_name: z.string().max(64).optional(),
  username: z
    .string()
    .regex(/^\w{4,32}$/)
    .optional(),
  language_code: z
    .string()
    .regex(/^[a-z]{2,3}(-[A-Za-z0-9]+)*$/)
    .optional(),
})
const textBody = z.strictObject({ text: z.string() })
const pressBody = z.strictObject({ button: z.string(), message_id: z.int().optional(), wait: seconds.default(0) })
const payBody = z.strictObject({ message_id: z.int().optional(), invoice_link: z.string().optional() })
const blockBody = z.strictObject({ blocked: z.boolean() })
const miniAppBody = z.strictObject({ auth_date: z.int().optional() })
const redeliverBody = z.strictObject({ update_id: z.int() })
const faultBody = z.strictObject({
  method: z.string().min(1),
  status: z.int().min(400).max(599).optional(),
  description: z.string().optional(),
  retry_after: z.int().min(1).max(3600).optional(),
  times: z.int().min(1).default(1),
  lose_reply: z.boolean().default(false),
  delay: seconds.default(0),
})
const sinceQuery = z.object({ since: z.coerce.number().int().default(0), wait: z.coerce.number().min(0).default(0) })

export function controlApi(services: Services, options: { preCheckoutSeconds: number; openId: OpenIdProvider }): Hono {
  const { world, delivery } = services
  const { state, watch } = world
  const app = new Hono()
  app.use(cors())

  app.post('/users', async context => {
    const given = parse(userBody, await body(context.req.raw))
    return context.json(addUser(services, given), 201)
  })

  app.post('/chats/:id/messages', async context => {
    const chat = chatOf(state, context.req.param('id'))
    const { text } = parse(textBody, await body(context.req.raw))
    const { message, update } = personWrites(world, { chat, text })
    delivery.kick()
    return context.json({ message_id: message.message_id, update_id: update?.update_id ?? null })
  })

  app.post('/chats/:id/press', async context => {
    const chat = chatOf(state, context.req.param('id'))
    const given = parse(pressBody, await body(context.req.raw))
    return context.json(await press(services, { chat, ...given, ...options }))
  })

  app.post('/chats/:id/pay', async context => {
    const chat = chatOf(state, context.req.param('id'))
    const given = parse(payBody, await body(context.req.raw))
    return context.json(await payInvoice(services, { chat, ...given, ...options }))
  })

  app.post('/chats/:id/mini-app', async context => {
    const { auth_date } = parse(miniAppBody, await body(context.req.raw))
    const chat = state.chats.get(Number(context.req.param('id')))
    return context.json({ init_data: miniAppData(world, chat, auth_date) })
  })

  app.post('/login/tamper', async context => {
    options.openId.tamper(parse(tamperBody, await body(context.req.raw)))
    return context.json({})
  })

  app.post('/chats/:id/block', async context => {
    const chat = chatOf(state, context.req.param('id'))
    const { blocked } = parse(blockBody, await body(context.req.raw))
    if (chat.blocked !== blocked) {
      chat.blocked = blocked
      const user = state.bot.person
      const status = (kicked: boolean) =>
        kicked ? { user, status: 'kicked', until_date: 0 } : { user, status: 'member' }
      const sides = { old_chat_member: status(!blocked), new_chat_member: status(blocked) }
      const payload = { chat: chatBody(chat), from: chat.person, date: unixSeconds(world.clock), ...sides }
      enqueue(world, { chatId: chat.id, kind: 'my_chat_member', payload })
      delivery.kick()
    }
    return context.json({ blocked })
  })

  app.get('/chats/:id/messages', async context => {
    const chat = chatOf(state, context.req.param('id'))
    const { since, wait } = parse(sinceQuery, context.req.query())
    const look = () => {
      const changed = chat.messages.filter(({ seq }) => seq > since)
      return changed.length > 0 ? changed : undefined
    }
    const messages = (await watch.until(look, Math.min(wait, WAIT_LIMIT))) ?? []
    const seq = Math.max(since, ...messages.map(message => message.seq))
    return context.json({ seq, messages: messages.map(({ entities: _, ...seen }) => seen) })
  })

  app.get('/log', context => {
    const { since } = parse(sinceQuery, context.req.query())
    return context.json({ seq: state.seq, calls: state.calls.filter(({ seq }) => seq > since) })
  })

  app.get('/deliveries', context => {
    const { since } = parse(sinceQuery, context.req.query())
    return context.json({ seq: state.seq, deliveries: state.deliveries.filter(({ seq }) => seq > since) })
  })

  app.post('/faults', async context => {
    const given = parse(faultBody, await body(context.req.raw))
    const id = `fault-${world.random.word(6)}`
    state.faults.push({
      id,
      method: given.method,
      status: given.status,
      description: given.description,
      retryAfter: given.retry_after,
      delaySeconds: given.delay,
      loseReply: given.lose_reply,
      timesLeft: given.times,
    })
    return context.json({ id }, 201)
  })

  app.delete('/faults', context => {
    state.faults = []
    return context.json({})
  })

  app.post('/redeliver', async context => {
    const { update_id } = parse(redeliverBody, await body(context.req.raw))
    const update = state.sent.get(update_id)
    if (update === undefined) throw new ControlError(404, `there was no update ${update_id}`)
    if (state.webhook === undefined) throw new ControlError(409, 'no webhook is set, so nothing can be redelivered')
    await delivery.repeat(update)
    return context.json({ redelivered: update_id })
  })

  app.get('/state', context => context.json(stateBody(state)))

  answerControlErrors(app)
  return app
}

function addUser(services: Services, given: z.infer<typeof userBody>) {
  const { state, random } = services.world
  const id = random.integer(1_000_000_000, 7_000_000_000)
  const { first_name, last_name, username, language_code } = given
  const person = {
    id,
    is_bot: false,
    first_name,
    ...(last_name !== undefined && { last_name }),
    ...(username !== undefined && { username }),
    ...(language_code !== undefined && { language_code }),
  }
  state.chats.set(id, { id, person, started: false, blocked: false, messages: [], nextMessageId: 1 })
  return { user_id: id, chat_id: id, user: person }
}

type Pressed = { chat: Chat; button: string; message_id?: number | undefined; wait: number; preCheckoutSeconds: number }

async function press(services: Services, given: Pressed): Promise<Record<string, unknown>> {
  const { world, delivery } = services
  const { chat, wait, preCheckoutSeconds } = given
  const found = findButton(chat, { button: given.button, messageId: given.message_id })
  if ('keyboardText' in found) {
    const { message } = personWrites(world, { chat, text: found.keyboardText })
    delivery.kick()
    return { type: 'text', message_id: message.message_id }
  }
  const { message, button } = found
  if (button.url !== undefined) return { type: 'url', url: button.url }
  if (button.web_app) return { type: 'web_app', url: button.web_app.url }
  if (button.copy_text) return { type: 'copy_text', text: button.copy_text.text }
  if (button.pay) {
    return {
      type: 'pay',
      ...(await payInvoice(services, { chat, message_id: message.message_id, preCheckoutSeconds })),
    }
  }
  const { id, update_id } = pressCallback(services, { chat, message, data: button.callback_data ?? '' })
  const answer = await world.watch.until(() => world.state.callbackQueries.get(id)?.answer, wait)
  return { type: 'callback', callback_query_id: id, update_id, answer: answer ?? null }
}

function pressCallback({ world, delivery }: Services, given: { chat: Chat; message: Message; data: string }) {
  const { chat, message, data } = given
  const id = String(world.random.integer(10 ** 14, 10 ** 15 - 1))
  const askedAt = world.clock.now().getTime()
  world.state.callbackQueries.set(id, { id, chatId: chat.id, askedAt, answer: undefined })
  const payload = {
    id,
    from: chat.person,
    message: messageBody(world, chat, message),
    chat_instance: String(chat.id * 7),
    data,
  }
  const update = enqueue(world, { chatId: chat.id, kind: 'callback_query', payload })
  delivery.kick()
  return { id, update_id: update?.update_id ?? null }
}

type Paid = {
  chat: Chat
  message_id?: number | undefined
  invoice_link?: string | undefined
  preCheckoutSeconds: number
}

async function payInvoice(services: Services, given: Paid): Promise<PayOutcome> {
  const { world, delivery } = services
  const { chat, invoice_link, preCheckoutSeconds: answerSeconds } = given
  const linked = invoice_link === undefined ? undefined : world.state.invoiceLinks.get(invoice_link)
  if (invoice_link !== undefined && linked === undefined) throw new ControlError(404, `no invoice link ${invoice_link}`)
  const message = linked ? undefined : payable(chat, given.message_id)
  const invoice = linked ?? message?.invoice
  if (invoice === undefined) throw new ControlError(404, 'there is no unpaid invoice in this chat')

  const outcome = pay(world, { chat, invoice, message, answerSeconds })
  delivery.kick()
  const settled = await outcome
  delivery.kick()
  return settled
}

function chatOf(state: State, id: string): Chat {
  const chat = state.chats.get(Number(id))
  if (chat === undefined) throw new ControlError(404, `there is no chat ${id}; POST /simulator/users makes one`)
  return chat
}

function stateBody(state: State): Record<string, unknown> {
  const { bot, chats, webhook, pending, transactions, faults } = state
  return {
    bot: {
      ...bot.person,
      name: Object.fromEntries(bot.name),
      description: Object.fromEntries(bot.description),
      short_description: Object.fromEntries(bot.shortDescription),
      commands: Object.fromEntries(bot.commands),
      menu_button: Object.fromEntries(bot.menuButton),
    },
    webhook: webhook ?? null,
    users: [...chats.values()].map(({ person }) => person),
    chats: [...chats.values()].map(({ id, started, blocked, messages }) => ({ id, started, blocked, messages })),
    star_balance: starBalance(state),
    transactions,
    pending_updates: pending.map(({ body: update }) => update),
    faults,
  }
}
