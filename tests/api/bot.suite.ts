// The bot as a person meets it: the real grammY over the simulated Telegram, the real books underneath.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { enqueue } from '../../api/queue/queue.ts'
import { type FrontStack, TELEGRAM_SECRET } from './front.ts'
import { labels, type Person } from './telegram.ts'

export function botAnswers(stackOf: () => FrontStack): void {
  describe('the bot', () => {
    let stack: FrontStack
    let asha: Person
    beforeAll(() => {
      stack = stackOf()
    })
    beforeEach(async () => {
      asha = await stack.telegram.person('Asha & <Co>')
      await asha.writes('/start')
      await asha.reads('Hi Asha & <Co>!')
    })

    let told = 0
    /** An update that tells of this in Asha's chat. Ids go up, and are nobody else's. */
    async function isTold(what: object): Promise<void> {
      const from = { id: asha.chatId, is_bot: false, first_name: 'Asha' }
      const message = { message_id: 1, date: 0, chat: { id: asha.chatId, type: 'private' }, from, ...what }
      const reply = await fetch(`${stack.publicUrl}/webhooks/telegram`, {
        method: 'POST',
        headers: { 'X-Telegram-Bot-Api-Secret-Token': TELEGRAM_SECRET },
        body: JSON.stringify({ update_id: 800_000_000 + told++, message }),
      })
      expect(reply.status).toBe(200)
    }

    /** Puts money into the wallet by Stars, as a person would. */
    async function topUpByStars(): Promise<void> {
      await asha.writes('/topup')
      await asha.reads('How much')
      await asha.presses('₹500')
      await asha.reads('Top up ₹500.00')
      await asha.presses('⭐ Pay with Stars')
      await asha.reads('')
      expect(await asha.pays()).toMatchObject({ paid: true, total_amount: 385 })
      await asha.reads('₹500.50 is in your wallet, paid with Stars')
    }

    async function orderNeonRally(): Promise<void> {
      await asha.writes('/play')
      await asha.reads('What would you like to play?')
      await asha.presses('Neon Rally')
      await asha.reads('Night races over wet asphalt.')
      await asha.presses('Ultra · ₹240/hour')
    }

    test('/start greets by name and offers three buttons', async () => {
      await asha.writes('/start')
      const message = await asha.reads('Your balance: ₹0.00')
      expect(labels(message)).toEqual(['🎮 Play', '💰 Balance', '➕ Top up'])
    })

    test('I8: words that no database takes are heard as far as they go, and asked for no second time', async () => {
      let updateId = 900_000_000 + (asha.chatId % 100_000) * 10
      const isHeard = async (text: string, raw: (json: string) => string = json => json) => {
        const from = { id: asha.chatId, is_bot: false, first_name: 'Asha\0\ud800' }
        const entities = text.startsWith('/') ? [{ type: 'bot_command', offset: 0, length: 8 }] : []
        const message = { message_id: 1, date: 0, chat: { id: asha.chatId, type: 'private' }, from, text, entities }
        const reply = await fetch(`${stack.publicUrl}/webhooks/telegram`, {
          method: 'POST',
          headers: { 'X-Telegram-Bot-Api-Secret-Token': TELEGRAM_SECRET },
          body: raw(JSON.stringify({ update_id: updateId++, message })),
        })
        expect([text, reply.status]).toEqual([text, 200])
      }
      const answers = async () => (await asha.messages()).filter(({ from }) => from === 'bot').length
      const before = await answers()
      for (const words of ['\0', '\ud800', '\udc00\ud800', 'C:\\u0000 \\ud800']) await isHeard(words)
      await isHeard('/balance x', json => json.replace('balance x', 'balance \\u0000\\uD83C'))
      await expect.poll(answers, { timeout: 10_000 }).toBe(before + 5)
      expect((await asha.messages()).at(-1)?.text).toContain('Your balance: ₹0.00')
    })

    test('a top-up leads to a page on the web or to an invoice in Stars', async () => {
      await asha.presses('➕ Top up')
      expect(labels(await asha.reads('How much'))).toEqual(['₹100', '₹500', '₹1,000'])
      await asha.presses('₹500')
      await asha.reads('Top up ₹500.00')
      const { type, url } = await asha.presses('🌐 Pay on the web (UPI, cards)')
      expect(type).toBe('url')
      const page = await (await fetch(String(url))).text()
      expect(page).toContain('Top up Asha &amp; &lt;Co&gt;’s wallet')
      expect(page).toContain('₹500.00')
    })

    test('I5: Stars are credited once, and an update brought twice changes nothing', async () => {
      await topUpByStars()
      const schema = z.object({ deliveries: z.array(z.looseObject({ update_id: z.number(), chat_id: z.number() })) })
      const { deliveries } = schema.parse(await stack.telegram.control('GET', '/deliveries'))
      for (const { update_id, chat_id } of deliveries) {
        if (chat_id === asha.chatId) await stack.telegram.control('POST', '/redeliver', { update_id })
      }
      await asha.writes('/balance')
      await asha.reads('Your balance: ₹500.50')
    })

    test('I5: Stars that are told of under another update are the same payment, and what went back is the same refund', async () => {
      await topUpByStars()
      const [payment] = await stack.database<{ id: string; payload: string }[]>`
        SELECT payment.id, top_up_id AS payload FROM payments payment JOIN top_ups ON top_ups.id = top_up_id
          JOIN players ON players.id = player_id WHERE telegram_user_id = ${String(asha.chatId)}`
      const money = { currency: 'XTR', total_amount: 385, invoice_payload: payment?.payload }
      const charge = { ...money, telegram_payment_charge_id: payment?.id, provider_payment_charge_id: '' }
      for (let time = 0; time < 2; time += 1) await isTold({ successful_payment: charge })
      await asha.writes('/balance')
      await asha.reads('Your balance: ₹500.50')
      for (let time = 0; time < 2; time += 1) await isTold({ refunded_payment: charge })
      await asha.writes('/balance')
      await asha.reads('Your balance: ₹0.00')
      await isTold({ successful_payment: charge })
      await asha.writes('/balance')
      await asha.reads('Your balance: ₹0.00')
    })

    test.each([
      ['of another amount', { total_amount: 384 }, 'PaymentMismatch'],
      ['in another currency', { currency: 'INR' }, 'PaymentMismatch'],
      ['for a top-up that nobody has asked for', { invoice_payload: 'nobody’s' }, 'TopUpUnknown'],
    ])(
      'I5: Stars %s are credited to nobody, kept once for a person, and tried no second time',
      async (_, odd, code) => {
        const { database } = stack
        await asha.writes('/topup 500')
        await asha.reads('Top up ₹500.00')
        await asha.presses('⭐ Pay with Stars')
        const { invoice } = await asha.reads('')
        const fitting = { currency: 'XTR', total_amount: 385, invoice_payload: invoice?.payload }
        const chargeId = `charge-${code}-${told}`
        const charge = { ...fitting, telegram_payment_charge_id: chargeId, provider_payment_charge_id: '', ...odd }
        const answers = async () =>
          (await asha.messages()).filter(({ text }) => text.includes(`name the payment: ${chargeId}`)).length
        for (let time = 1; time <= 2; time += 1) {
          await isTold({ successful_payment: charge })
          await expect.poll(answers, { timeout: 10_000 }).toBe(time)
        }
        await asha.reads('so it is not in your wallet yet. Support is looking at it; please do not pay again.')
        const kept = await database`SELECT code FROM contradictions WHERE subject = ${`Stars payment ${chargeId}`}`
        expect(kept).toEqual([{ code }])
        const left = await database`SELECT attempts, last_error FROM queue_items WHERE key = ${String(asha.chatId)}`
        expect(left).toEqual([])
        await asha.writes('/balance')
        await asha.reads('Your balance: ₹0.00')

        // What fits is not held up by it, and a refund of what was never credited is nobody's.
        await isTold({ refunded_payment: charge })
        await isTold({ successful_payment: { ...charge, ...fitting, telegram_payment_charge_id: `${chargeId}-2` } })
        await asha.reads('₹500.50 is in your wallet, paid with Stars')
      },
    )

    test('I4: unspent Stars go back to where they came from, once, and the wallet says so', async () => {
      await topUpByStars()
      await asha.writes('/refund')
      const list = await asha.reads('Which payment shall go back?')
      const [payment = ''] = labels(list)
      expect(payment).toMatch(/^₹500\.50, paid on \d/)
      await asha.presses(payment)
      await asha.reads('the Stars are in your Telegram balance again in a moment')
      await asha.presses('↩️ Yes, refund ₹500.50')
      await asha.reads('Your refund of ₹500.50 is paid out')
      expect((await stack.telegram.calls('refundStarPayment')).map(({ status }) => status)).toEqual([200])
      await asha.writes('/balance')
      await asha.reads('Your balance: ₹0.00')
      await asha.writes('/refund')
      await asha.reads('Nothing can go back now')
    })

    test('I4: Stars that Telegram refuses to give back are in the wallet again, and go back when they are asked for once more', async () => {
      await topUpByStars()
      await stack.telegram.control('POST', '/faults', { method: 'refundStarPayment', status: 400 })
      for (const outcome of ['Your refund of ₹500.50 could not', 'Your refund of ₹500.50 is paid out']) {
        await asha.writes('/refund')
        const [payment = ''] = labels(await asha.reads('Which payment shall go back?'))
        await asha.presses(payment)
        await asha.reads('the Stars are in your Telegram balance again in a moment')
        await asha.presses('↩️ Yes, refund ₹500.50')
        await asha.reads(outcome)
      }
    })

    test('from a game to a machine on its way, and stopped again', async () => {
      await topUpByStars()
      await orderNeonRally()
      await asha.reads(/Your ₹500\.50 buys 2 h 5 min/)
      await asha.presses('▶️ Start')
      await asha.reads('Getting your Ultra machine for Neon Rally')
      await asha.writes('/balance')
      await asha.reads('Set aside for your running session: ₹60.00')

      await asha.writes('/stop')
      await asha.reads('Stop Neon Rally?')
      await asha.presses('⏹ Yes, stop it')
      await asha.reads('Stopping Neon Rally')
      await asha.writes('/status')
      await asha.reads('stopping')
    })

    test('I8: a second session is refused with the way to the first', async () => {
      await topUpByStars()
      await orderNeonRally()
      await asha.reads('counted by the second')
      await asha.presses('▶️ Start')
      await asha.reads('Getting your Ultra machine')
      await asha.writes('/play')
      await asha.reads('What would you like to play?')
      await asha.presses('Paper Kingdoms')
      await asha.reads('an evening')
      await asha.presses('Light · ₹45/hour')
      const refused = await asha.reads('Neon Rally is already running')
      expect(labels(refused)).toEqual(['📡 Status', '⏹ Stop'])
    })

    test('I8: without money a start leads to the top-up', async () => {
      await orderNeonRally()
      const refused = await asha.reads('That takes at least ₹4.00, and you have ₹0.00')
      expect(labels(refused)).toEqual(['₹100', '₹500', '₹1,000'])
    })

    test.each([
      ['/dance', "I don't know /dance"],
      ['hello?', 'I only understand buttons and commands'],
      ['/topup 5', 'between ₹10.00 and ₹10,000.00'],
      ['/topup lots', 'between ₹10.00 and ₹10,000.00'],
      ['/topup 99999999999999', 'between ₹10.00 and ₹10,000.00'],
      ['/stop', 'Nothing is running'],
      ['/status', 'Nothing is running'],
      ['/start@wasd_cloud_bot', 'Hi Asha'],
    ])('I8: %s is answered, with a next step', async (text, words) => {
      await asha.writes(text)
      expect(labels(await asha.reads(words)).length).toBeGreaterThan(0)
    })

    test('a button that means nothing any more is answered with the menu as it is now', async () => {
      const callback = {
        update_id: 900_000_000 + (asha.chatId % 1000),
        callback_query: {
          id: '1',
          from: { id: asha.chatId, is_bot: false, first_name: 'Asha' },
          chat_instance: '1',
          data: 'tier:gone:gone',
          message: { message_id: 1, date: 0, chat: { id: asha.chatId, type: 'private' } },
        },
      }
      const reply = await fetch(`${stack.publicUrl}/webhooks/telegram`, {
        method: 'POST',
        headers: { 'X-Telegram-Bot-Api-Secret-Token': TELEGRAM_SECRET },
        body: JSON.stringify(callback),
      })
      expect(reply.status).toBe(200)
      await asha.reads('Hi Asha')
    })

    test('I5: an update with a forged secret is refused, and nothing is kept', async () => {
      const count = async () => (await stack.database`SELECT count(*)::int AS n FROM queue_seen`)[0]?.n
      const before = await count()
      const reply = await fetch(`${stack.publicUrl}/webhooks/telegram`, {
        method: 'POST',
        headers: { 'X-Telegram-Bot-Api-Secret-Token': 'guessed' },
        body: JSON.stringify({ update_id: 1_000_000_007, message: {} }),
      })
      expect(reply.status).toBe(401)
      expect(await reply.json()).toMatchObject({ code: 'TelegramSecretInvalid', status: 401 })
      expect(await count()).toBe(before)
    })

    test('flood control is waited for, and the answer still comes', async () => {
      await stack.telegram.control('POST', '/faults', { method: 'sendMessage', status: 429, retry_after: 1, times: 2 })
      await asha.writes('/balance')
      await asha.reads('Your balance')
    })

    test('a person who has blocked the bot is given up, without a dead letter', async () => {
      await stack.telegram.control('POST', `/chats/${asha.chatId}/block`, { blocked: true })
      const [player] = await stack.database`SELECT id FROM players WHERE telegram_chat_id = ${asha.chatId}`
      const notification = { type: 'BalanceLow', minutesLeft: 5 } as const
      await enqueue(stack.database, 'telegram.notification', { playerId: player?.id, notification })
      await expect
        .poll(
          async () =>
            (await stack.database`SELECT count(*)::int AS n FROM queue_items WHERE topic = 'telegram.notification'`)[0]
              ?.n,
        )
        .toBe(0)
    })
  })
}
