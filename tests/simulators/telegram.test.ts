// The Telegram simulator as a bot and a gamer see it: grammY on one side, the control API on the other.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Bot, GrammyError, HttpError, InlineKeyboard } from 'grammy'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Delivery, programOf, startEndpoint, startSimulator } from './program.ts'

const ready = z.object({ listening: z.string(), token: z.string() })
const start = async (...options: string[]) => await startSimulator('telegram', ready, options)

let simulator: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  simulator = await start('--retry-scale', '0.05', '--pre-checkout-timeout', '0.4', '--seed', 'tests')
})
afterAll(async () => {
  expect(await simulator.stop()).toBe(0)
})
afterEach(async () => {
  await control('DELETE', '/faults')
  await bot.api.deleteWebhook({ drop_pending_updates: true })
})

async function control(method: string, path: string, body?: unknown) {
  const response = await fetch(`${simulator.listening}/simulator${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const json: unknown = await response.json()
  return { status: response.status, body: z.record(z.string(), z.unknown()).parse(json) }
}
const act = async (path: string, body: unknown) => (await control('POST', path, body)).body

const seen = z.object({
  seq: z.number(),
  messages: z.array(
    z.looseObject({
      message_id: z.number(),
      from: z.enum(['bot', 'user']),
      text: z.string(),
      deleted: z.boolean(),
      edit_date: z.number().nullable(),
      buttons: z.array(z.array(z.looseObject({ text: z.string() }))),
    }),
  ),
})
const messages = async (chat: number, query = '') =>
  seen.parse((await control('GET', `/chats/${chat}/messages${query}`)).body)

let bot: Bot
let chat: number
beforeEach(async () => {
  bot = new Bot(simulator.token, { client: { apiRoot: simulator.listening } })
  const user = z.object({ chat_id: z.number() }).parse(await act('/users', { first_name: 'Asha', language_code: 'en' }))
  chat = user.chat_id
  await act(`/chats/${chat}/messages`, { text: '/start' })
})

const updateShape = z.looseObject({ update_id: z.number() })
/** Of an update, as a bot's webhook gets it. */
const read = ({ raw, headers }: Delivery) => ({ update: updateShape.parse(JSON.parse(raw)), headers })

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof GrammyError)) throw new Error(`a refusal was expected, not ${error}`)
  return `${error.error_code} ${error.description}`
}

describe('messages', () => {
  test('what the bot sends in HTML is what the person reads', async () => {
    const keyboard = new InlineKeyboard().text('Play', 'play').url('Site', 'http://127.0.0.1:3000/')
    const sent = await bot.api.sendMessage(chat, '<b>Balance</b>: ₹500 &lt;3', {
      parse_mode: 'HTML',
      reply_markup: keyboard,
    })
    expect(sent.text).toBe('Balance: ₹500 <3')
    expect(sent.entities).toEqual([{ type: 'bold', offset: 0, length: 7 }])

    const { messages: all } = await messages(chat)
    expect(all.at(-1)).toMatchObject({
      from: 'bot',
      text: 'Balance: ₹500 <3',
      buttons: [[{ text: 'Play' }, { text: 'Site' }]],
    })
  })

  test('a reader waits until something is sent, and sees edits and deletions', async () => {
    const { seq } = await messages(chat)
    const waiting = messages(chat, `?since=${seq}&wait=5`)
    const sent = await bot.api.sendMessage(chat, 'Starting')
    expect((await waiting).messages.map(({ text }) => text)).toEqual(['Starting'])

    await bot.api.editMessageText(chat, sent.message_id, 'Running')
    await bot.api.sendMessage(chat, 'bye')
    await bot.api.deleteMessage(chat, sent.message_id + 1)
    const later = await messages(chat, `?since=${seq}`)
    expect(later.messages.map(({ text, deleted }) => [text, deleted])).toEqual([
      ['Running', false],
      ['', true],
    ])
  })

  test.each([
    ['', undefined, '400 Bad Request: message text is empty'],
    ['   ', undefined, '400 Bad Request: message text is empty'],
    ['x'.repeat(4097), undefined, '400 Bad Request: message is too long'],
    ['a < b', 'HTML', '400 Bad Request: can\'t parse entities: Unsupported start tag "" at byte offset 2'],
    ['<b>open', 'HTML', '400 Bad Request: can\'t parse entities: Can\'t find end tag corresponding to start tag "b"'],
    [
      '<b>x</i>',
      'HTML',
      '400 Bad Request: can\'t parse entities: Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
    ],
    ['x</b>', 'HTML', "400 Bad Request: can't parse entities: Unexpected end tag at byte offset 1"],
  ] as const)('text %j in mode %s is refused', async (text, mode, words) => {
    const call = bot.api.sendMessage(chat, text, mode === undefined ? {} : { parse_mode: mode })
    expect(await refusal(call)).toBe(words)
  })

  test.each([
    [{ text: 'x', callback_data: 'y'.repeat(65) }, '400 Bad Request: BUTTON_DATA_INVALID'],
    [
      { text: 'x', url: 'http://localhost:3000' },
      "400 Bad Request: inline keyboard button URL 'http://localhost:3000' is invalid: Wrong HTTP URL",
    ],
    [
      { text: 'x', url: 'ftp://a.b/' },
      "400 Bad Request: inline keyboard button URL 'ftp://a.b/' is invalid: Unsupported URL protocol",
    ],
    [
      { text: ' ', callback_data: 'y' },
      '400 Bad Request: can\'t parse inline keyboard button: Field "text" must be a non-empty String',
    ],
  ])('the button %j is refused', async (button, words) => {
    const call = bot.api.sendMessage(chat, 'x', { reply_markup: { inline_keyboard: [[button]] } })
    expect(await refusal(call)).toBe(words)
  })

  test('an edit that changes nothing is refused in the words that bots look for', async () => {
    const { message_id } = await bot.api.sendMessage(chat, 'same')
    expect(await refusal(bot.api.editMessageText(chat, message_id, 'same'))).toContain('message is not modified')
    expect(await refusal(bot.api.editMessageText(chat, 9999, 'same'))).toContain('message to edit not found')
  })

  test('a bot cannot write to strangers, nor to those who blocked it', async () => {
    const stranger = z.object({ chat_id: z.number() }).parse(await act('/users', { first_name: 'Ravi' }))
    expect(await refusal(bot.api.sendMessage(stranger.chat_id, 'hi'))).toBe('400 Bad Request: chat not found')
    await act(`/chats/${chat}/block`, { blocked: true })
    expect(await refusal(bot.api.sendMessage(chat, 'hi'))).toBe('403 Forbidden: bot was blocked by the user')
  })

  test('wrong token 401, unknown method 404', async () => {
    const other = new Bot('7:wrong', { client: { apiRoot: simulator.listening } })
    expect(await refusal(other.api.getMe())).toBe('401 Unauthorized')
    const response = await fetch(`${simulator.listening}/bot${simulator.token}/sendTelepathy`)
    expect(await response.json()).toEqual({ ok: false, error_code: 404, description: 'Not Found: method not found' })
  })

  test('urlencoded and multipart bodies are read like JSON', async () => {
    const fields = {
      chat_id: String(chat),
      text: 'as form',
      reply_markup: '{"inline_keyboard":[[{"text":"a","callback_data":"b"}]]}',
    }
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.set(name, value)
    for (const body of [new URLSearchParams(fields), form]) {
      const response = await fetch(`${simulator.listening}/bot${simulator.token}/sendmessage`, { method: 'POST', body })
      expect(await response.json()).toMatchObject({
        ok: true,
        result: { text: 'as form', reply_markup: { inline_keyboard: [[{ text: 'a' }]] } },
      })
    }
  })
})

describe('updates', () => {
  test('a command and a pressed button arrive by long polling, and grammY handles them', async () => {
    const got: string[] = []
    bot.command('start', context => got.push(`start ${context.match}`))
    bot.callbackQuery('play', async context => {
      await context.answerCallbackQuery('On its way')
      await context.editMessageText('Starting')
      got.push('play')
    })
    await bot.api.deleteWebhook({ drop_pending_updates: true })
    await act(`/chats/${chat}/messages`, { text: '/start promo' })
    await bot.api.sendMessage(chat, 'Menu', { reply_markup: new InlineKeyboard().text('Play now', 'play') })
    void bot.start()
    const pressed = await act(`/chats/${chat}/press`, { button: 'Play now', wait: 5 })
    expect(pressed).toMatchObject({ type: 'callback', answer: { text: 'On its way', show_alert: false } })
    const { messages: all } = await messages(chat, '?wait=5')
    expect(all.at(-1)?.text).toMatch(/Menu|Starting/)
    await expect.poll(() => got).toEqual(['start promo', 'play'])
    await bot.stop()
  })

  test('a button that is not there is an error that names those which are', async () => {
    await bot.api.sendMessage(chat, 'Menu', {
      reply_markup: new InlineKeyboard().text('Play', 'play').url('Site', 'https://a.b/'),
    })
    const wrong = await control('POST', `/chats/${chat}/press`, { button: 'Plya' })
    expect(wrong).toEqual({
      status: 404,
      body: { error: "no button 'Plya'; the newest messages carry 'Play', 'Site'" },
    })
    expect(await act(`/chats/${chat}/press`, { button: 'Site' })).toEqual({ type: 'url', url: 'https://a.b/' })
  })

  test('a webhook gets its secret, in order, again after a failure, and never what it did not subscribe to', async () => {
    const hook = await startEndpoint(read, received => (received.length <= 2 ? 500 : 200))
    await bot.api.setWebhook(hook.url, {
      secret_token: 'over-the-wire',
      allowed_updates: ['message'],
      drop_pending_updates: true,
    })
    const first = await act(`/chats/${chat}/messages`, { text: 'one' })
    const second = await act(`/chats/${chat}/messages`, { text: 'two' })
    await act(`/chats/${chat}/block`, { blocked: true })
    const [one, two] = [first.update_id, second.update_id]
    await expect.poll(() => hook.received.map(({ update }) => update.update_id)).toEqual([one, one, one, two])
    expect(hook.received[0]?.headers['x-telegram-bot-api-secret-token']).toBe('over-the-wire')
    await expect.poll(async () => (await bot.api.getWebhookInfo()).pending_update_count).toBe(0)
    expect((await bot.api.getWebhookInfo()).last_error_message).toContain('500')

    await act('/redeliver', { update_id: one })
    expect(hook.received.at(-1)?.update.update_id).toBe(one)
    hook.close()
  })

  test('a webhook that does not answer in time, and one that does, may both get an update twice', async () => {
    const strict = await start('--webhook-timeout', '0.2', '--retry-scale', '0.01', '--duplicates', '1')
    const hook = await startEndpoint(read, received => (received.length > 1 ? 200 : undefined))
    await new Bot(strict.token, { client: { apiRoot: strict.listening } }).api.setWebhook(hook.url)
    const base = `${strict.listening}/simulator`
    const user = await fetch(`${base}/users`, { method: 'POST', body: '{"first_name":"Asha"}' })
    const { chat_id } = z.object({ chat_id: z.number() }).parse(await user.json())
    await fetch(`${base}/chats/${chat_id}/messages`, { method: 'POST', body: '{"text":"hi"}' })
    await expect.poll(() => hook.received.length).toBe(3)
    expect(new Set(hook.received.map(({ update }) => update.update_id)).size).toBe(1)
    hook.close()
    await strict.stop()
  })

  test('a webhook excludes long polling', async () => {
    const hook = await startEndpoint(read, () => 200)
    await bot.api.setWebhook(hook.url)
    expect(await refusal(bot.api.getUpdates())).toContain('409 Conflict')
    hook.close()
  })
})

describe('Stars', () => {
  const prices = [{ label: 'Top-up', amount: 250 }]

  /** A bot that answers the pre-checkout by `answer`. */
  async function shop(answer: { ok: boolean; error_message?: string } | undefined) {
    const paid: string[] = []
    bot.on('pre_checkout_query', async ({ api, preCheckoutQuery: { id } }) => {
      if (answer) await api.answerPreCheckoutQuery(id, answer.ok, answer)
    })
    bot.on('message:successful_payment', ({ message }) => {
      paid.push(message.successful_payment.telegram_payment_charge_id)
    })
    void bot.start({ drop_pending_updates: true })
    await bot.api.sendInvoice(chat, 'Top-up', '₹500 of play', 'topup:1', 'XTR', prices)
    return paid
  }

  test('a paid invoice is a successful_payment, a transaction, a balance, and can be refunded once', async () => {
    const { amount: before } = await bot.api.getMyStarBalance()
    const paid = await shop({ ok: true })
    const outcome = z.looseObject({ telegram_payment_charge_id: z.string() }).parse(await act(`/chats/${chat}/pay`, {}))
    expect(outcome).toMatchObject({ paid: true, total_amount: 250 })
    const charge = outcome.telegram_payment_charge_id
    await expect.poll(() => paid).toEqual([charge])
    expect((await bot.api.getMyStarBalance()).amount).toBe(before + 250)
    expect((await control('POST', `/chats/${chat}/pay`, {})).status).toBe(404)

    await bot.api.refundStarPayment(chat, charge)
    expect(await refusal(bot.api.refundStarPayment(chat, charge))).toContain('CHARGE_ALREADY_REFUNDED')
    const { transactions } = await bot.api.getStarTransactions()
    const kinds = transactions.filter(({ id }) => id === charge).map(({ source }) => (source ? 'in' : 'out'))
    expect(kinds).toEqual(['in', 'out'])
    await bot.stop()
  })

  test('a refused and an unanswered pre-checkout move nothing', async () => {
    const { amount: before } = await bot.api.getMyStarBalance()
    await shop({ ok: false, error_message: 'The wallet is full.' })
    expect(await act(`/chats/${chat}/pay`, {})).toEqual({
      paid: false,
      reason: 'Refused',
      error: 'The wallet is full.',
    })
    await bot.stop()
    expect(await act(`/chats/${chat}/pay`, {})).toMatchObject({ paid: false, reason: 'Timeout' })
    expect((await bot.api.getMyStarBalance()).amount).toBe(before)
  })

  test.each([
    [{ payload: 'x'.repeat(129) }, 'INVOICE_PAYLOAD_INVALID'],
    [{ currency: 'INR' }, 'CURRENCY_INVALID'],
    [{ prices: [...prices, ...prices] }, 'STARS_INVOICE_INVALID'],
    [{ prices: [{ label: 'x', amount: 0 }] }, 'CURRENCY_TOTAL_AMOUNT_INVALID'],
    [{ provider_token: 'x' }, 'PAYMENT_PROVIDER_INVALID'],
  ])('an invoice with %j is refused', async (wrong, code) => {
    const right = { title: 'Top-up', description: 'x', payload: 'p', currency: 'XTR', prices, provider_token: '' }
    const call = bot.api.raw.sendInvoice({ chat_id: chat, ...right, ...wrong })
    expect(await refusal(call)).toBe(`400 Bad Request: ${code}`)
  })
})

describe('faults', () => {
  test('429 carries retry_after, 500 its code, each as often as asked for, and the log shows both', async () => {
    await act('/faults', { method: 'sendMessage', status: 429, retry_after: 7 })
    await act('/faults', { method: '*', status: 500 })
    const limited = await bot.api.sendMessage(chat, 'x').catch((error: unknown) => error)
    expect(limited).toMatchObject({ error_code: 429, parameters: { retry_after: 7 } })
    expect(await refusal(bot.api.sendMessage(chat, 'x'))).toBe('500 Internal Server Error')
    await bot.api.sendMessage(chat, 'x')
    const log = z.object({ calls: z.array(z.looseObject({ method: z.string(), status: z.number() })) })
    const { calls } = log.parse((await control('GET', '/log')).body)
    expect(calls.slice(-3).map(({ method, status }) => `${method} ${status}`)).toEqual([
      'sendMessage 429',
      'sendMessage 500',
      'sendMessage 200',
    ])
  })

  test('a lost reply: the message is there, the caller does not know', async () => {
    await act('/faults', { method: 'sendMessage', lose_reply: true })
    await expect(bot.api.sendMessage(chat, 'did you get this')).rejects.toBeInstanceOf(HttpError)
    expect((await messages(chat)).messages.at(-1)?.text).toBe('did you get this')
  })

  test('flood control answers 429 beyond the rate', async () => {
    const strict = await start('--flood-per-chat', '1')
    const response = await fetch(`${strict.listening}/simulator/users`, {
      method: 'POST',
      body: '{"first_name":"Asha"}',
    })
    const { chat_id } = z.object({ chat_id: z.number() }).parse(await response.json())
    await fetch(`${strict.listening}/simulator/chats/${chat_id}/messages`, {
      method: 'POST',
      body: '{"text":"/start"}',
    })
    const flooding = new Bot(strict.token, { client: { apiRoot: strict.listening } })
    for (const word of ['a', 'b', 'c']) await flooding.api.sendMessage(chat_id, word)
    expect(await refusal(flooding.api.sendMessage(chat_id, 'd'))).toBe('429 Too Many Requests: retry after 1')
    await strict.stop()
  })
})

test('--help prints every option, an unknown one stops the program', async () => {
  const run = async (...options: string[]) => {
    const child = spawn(process.execPath, [programOf('telegram'), ...options])
    const chunks: string[] = []
    child.stdout.on('data', chunk => chunks.push(String(chunk)))
    await once(child, 'close')
    return { code: child.exitCode, text: chunks.join('') }
  }
  const help = await run('--help')
  expect(help.code).toBe(0)
  expect(help.text).toContain('--pre-checkout-timeout')
  expect((await run('--prot', '1')).code).toBe(2)
})
