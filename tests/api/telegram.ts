// The Telegram simulator as a process, and a person who chats with the bot in it: what they write, press and read.
import { z } from 'zod'
import { type Control, startSimulator } from './simulator.ts'

const readySchema = z.object({
  listening: z.string(),
  token: z.string(),
  username: z.string(),
  loginSecret: z.string(),
})
const messageSchema = z.looseObject({
  seq: z.number(),
  message_id: z.number(),
  from: z.enum(['bot', 'user']),
  text: z.string(),
  buttons: z.array(z.array(z.looseObject({ text: z.string() }))),
  invoice: z.looseObject({ payload: z.string(), total_amount: z.number(), currency: z.string() }).nullable(),
})
export type Message = z.infer<typeof messageSchema>

/** Seconds that a person waits for the bot before a test fails. */
const PATIENCE_SECONDS = 15

export async function startTelegram(...options: string[]) {
  const { ready, control, stop } = await startSimulator('telegram', ['--retry-scale', '0.05', ...options], readySchema)
  const { listening, token, username, loginSecret } = ready
  return {
    apiRoot: listening,
    token,
    username,
    loginSecret,
    control,
    /** The calls of the bot so far, by method. */
    async calls(method: string): Promise<{ status: number }[]> {
      const schema = z.object({ calls: z.array(z.looseObject({ method: z.string(), status: z.number() })) })
      return schema.parse(await control('GET', '/log')).calls.filter(call => call.method === method)
    },
    person: async (firstName: string) => person(control, firstName),
    stop,
  }
}

export type Telegram = Awaited<ReturnType<typeof startTelegram>>
export type Person = Awaited<ReturnType<typeof person>>

async function person(control: Control, firstName: string) {
  const { chat_id: chatId } = z
    .looseObject({ chat_id: z.number() })
    .parse(await control('POST', '/users', { first_name: firstName, language_code: 'en' }))
  const seenSchema = z.object({ seq: z.number(), messages: z.array(messageSchema) })
  let seen = 0

  const look = async (since: number, waitSeconds: number) =>
    seenSchema.parse(await control('GET', `/chats/${chatId}/messages?since=${since}&wait=${waitSeconds}`))

  return {
    chatId,
    /** Writes, and remembers what was there before, so that `reads` looks at what comes of it. */
    async writes(text: string): Promise<void> {
      seen = (await look(0, 0)).seq
      await control('POST', `/chats/${chatId}/messages`, { text })
    },
    /** Presses the newest button with this text. */
    async presses(text: string): Promise<Record<string, unknown>> {
      seen = (await look(0, 0)).seq
      return z.record(z.string(), z.unknown()).parse(await control('POST', `/chats/${chatId}/press`, { button: text }))
    },
    async pays(): Promise<Record<string, unknown>> {
      seen = (await look(0, 0)).seq
      return z.record(z.string(), z.unknown()).parse(await control('POST', `/chats/${chatId}/pay`, {}))
    },
    /** Waits for a message of the bot, sent or edited since the last act, in which `expected` is found. */
    async reads(expected: RegExp | string): Promise<Message> {
      const deadline = performance.now() + PATIENCE_SECONDS * 1000
      const read: string[] = []
      for (let since = seen; performance.now() < deadline; ) {
        const { seq, messages } = await look(since, 1)
        for (const message of messages.filter(({ from }) => from === 'bot')) {
          read.push(message.text)
          if (typeof expected === 'string' ? message.text.includes(expected) : expected.test(message.text))
            return message
        }
        since = seq
      }
      throw new Error(
        `The bot did not say ${expected} within ${PATIENCE_SECONDS} s, but:\n${read.join('\n---\n') || '(nothing)'}`,
      )
    },
    /** Opens the Mini App; what Telegram hands to it. `authDate` in seconds since 1970. */
    async opensMiniApp(authDate?: number): Promise<string> {
      const body = authDate === undefined ? {} : { auth_date: authDate }
      const reply = await control('POST', `/chats/${chatId}/mini-app`, body)
      return z.object({ init_data: z.string() }).parse(reply).init_data
    },
    /** Says yes on Telegram's page; the address to which the browser is sent back. */
    async confirms(authorizationUrl: string): Promise<URL> {
      const body = new URLSearchParams({ user_id: String(chatId) })
      const reply = await fetch(authorizationUrl, { method: 'POST', body, redirect: 'manual' })
      return new URL(reply.headers.get('Location') ?? `about:${await reply.text()}`)
    },
    /** Everything in the chat now. */
    async messages(): Promise<Message[]> {
      return (await look(0, 0)).messages
    },
  }
}

/** The labels of a message's buttons. */
export function labels(message: Message): string[] {
  return message.buttons.flat().map(({ text }) => text)
}
