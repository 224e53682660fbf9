// The Telegram simulator as a process, and a person who chats with the bot in it: what they write, press and read.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { z } from 'zod'

const program = new URL('../../demo/simulators/telegram/main.ts', import.meta.url).pathname
const readySchema = z.object({ listening: z.string(), token: z.string(), username: z.string() })
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

type Control = (method: string, path: string, body?: unknown) => Promise<unknown>

export async function startTelegram(...options: string[]) {
  const child = spawn(process.execPath, [program, '--port', '0', '--retry-scale', '0.05', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)
  const [line] = await once(lines, 'line')
  const { listening, token, username } = readySchema.parse(JSON.parse(String(line)))

  const control: Control = async (method, path, body) => {
    const reply = await fetch(`${listening}/simulator${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const json: unknown = await reply.json()
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(json)}`)
    return json
  }

  return {
    apiRoot: listening,
    token,
    username,
    control,
    /** The calls of the bot so far, by method. */
    async calls(method: string): Promise<{ status: number }[]> {
      const schema = z.object({ calls: z.array(z.looseObject({ method: z.string(), status: z.number() })) })
      return schema.parse(await control('GET', '/log')).calls.filter(call => call.method === method)
    },
    person: async (firstName: string) => person(control, firstName),
    stop: () => stop(child),
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
