// A person who plays: writes to the bot, pays, starts and stops. Each deed waits for the words that answer it.
import type { Stores } from '../../demo/account/stores.ts'
import type { Control } from '../../demo/evening/control.ts'
import { type ChatMessage, gamer } from '../../demo/evening/gamer.ts'
import { visitor } from '../../demo/evening/visitor.ts'
import type { Timeline } from '../../demo/timeline.ts'
import type { Evening } from './evening.ts'

export type Player = Awaited<ReturnType<typeof playerOf>>

export async function playerOf(options: {
  firstName: string
  apiUrl: string
  telegram: Control
  timeline: Timeline
  stop: AbortSignal
  stores: Stores
  evening: (name: string) => Promise<Evening>
}) {
  const { apiUrl, timeline, stores } = options
  const chat = await gamer(options)
  const browser = visitor({ apiUrl, timeline })

  /** Does something and waits for the words that answer it; older ones do not count. */
  async function after(
    act: () => Promise<unknown>,
    words: RegExp,
    isIt: (message: ChatMessage) => boolean = () => true,
  ): Promise<ChatMessage> {
    const since = chat.mark()
    await act()
    return await chat.reads(words, { since, isIt })
  }
  const writes = async (text: string, words: RegExp) => await after(() => chat.write(text), words)
  const presses = async (button: string, words: RegExp) => await after(() => chat.press(button), words)

  async function paise(query: string): Promise<number> {
    const [row] = await stores.sql(query)
    return Number(row?.paise ?? 0)
  }

  return {
    ...{ chat, after, writes, presses },
    chatId: chat.chatId,
    /** Our id of this person; after the first message. */
    async id(): Promise<string> {
      const [row] = await stores.sql(`SELECT id FROM players WHERE telegram_user_id = ${chat.chatId}`)
      if (!row) throw new Error(`The books know nobody with the chat ${chat.chatId}.`)
      return String(row.id)
    },
    /** Pays on Razorpay's page, which the bot links to. */
    async topsUpOnTheWeb(amount: '₹100' | '₹500' | '₹1,000'): Promise<void> {
      await writes('/topup', /How much/)
      const offer = await presses(amount, /How would you like to pay/)
      const page = offer.buttons.flat().find(({ url }) => url !== undefined)?.url
      if (page === undefined) throw new Error('The bot offers no link to pay on the web.')
      await after(() => browser.paysOnTheWeb(page), /is in your wallet/)
    },
    async topsUpWithStars(amount: '₹100' | '₹500' | '₹1,000'): Promise<void> {
      await writes('/topup', /How much/)
      await presses(amount, /How would you like to pay/)
      await after(
        () => chat.press('Stars'),
        /^/, // An invoice has no text of its own.
        ({ invoice }) => invoice !== null,
      )
      await after(() => chat.payWithStars(), /paid with Stars/)
    },
    /** Picks a game and a tier by their titles; the session as soon as the bot says that it is ready. */
    async plays(game: string, tier: string): Promise<Evening> {
      await writes('/play', /What would you like to play/)
      await presses(game, /Which machine/)
      await presses(tier, /counted by the second/)
      await presses('Start', /is ready/)
      return await options.evening(await this.session())
    },
    /** The name of the session that was started last. */
    async session(): Promise<string> {
      const [row] = await stores.sql(
        `SELECT id FROM sessions WHERE player_id = '${await this.id()}' ORDER BY created_at DESC LIMIT 1`,
      )
      return `gs-${row?.id}`
    },
    /** The receipt. */
    async stops(): Promise<string> {
      await writes('/stop', /Stop .*\?/)
      return (await presses('Yes, stop it', /has ended/)).text
    },
    /** The wallet by the books, in paise. */
    async wallet(): Promise<number> {
      const id = await this.id()
      return await paise(`
        SELECT posted_paise AS paise FROM wallet_balances
        JOIN wallet_accounts ON id = account_id WHERE player_id = '${id}'`)
    },
    /** What is set aside for sessions, in paise. */
    async held(): Promise<number> {
      const id = await this.id()
      return await paise(`
        SELECT held_paise AS paise FROM wallet_balances
        JOIN wallet_accounts ON id = account_id WHERE player_id = '${id}'`)
    },
    /** What was paid in, in paise. */
    async paidIn(): Promise<number> {
      const id = await this.id()
      return await paise(`
        SELECT sum(p.amount_paise) AS paise FROM payments p JOIN top_ups t ON t.id = p.top_up_id
        WHERE t.player_id = '${id}'`)
    },
    /** Razorpay's id of the payment that was credited last. */
    async payment(): Promise<string> {
      const [row] = await stores.sql(`
        SELECT p.id FROM payments p JOIN top_ups t ON t.id = p.top_up_id
        WHERE t.player_id = '${await this.id()}' AND p.rail = 'Razorpay' ORDER BY p.credited_at DESC LIMIT 1`)
      return String(row?.id)
    },
    /** Throws unless it is refused. */
    forgesAWebhook: browser.forgesAWebhook,
    /** What the bot has said since a mark. */
    hears: (since: number) =>
      chat
        .messages()
        .filter(({ from, seq }) => from === 'bot' && seq > since)
        .map(({ text }) => text),
  }
}
