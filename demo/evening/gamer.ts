// A person with a phone: writes to the bot, presses buttons, pays, and reads what comes back.
import type { Timeline } from '../timeline.ts'
import type { Control } from './control.ts'

interface Button {
  text: string
  url?: string
  callback_data?: string
  pay?: boolean
}

export interface ChatMessage {
  seq: number
  message_id: number
  from: 'bot' | 'user'
  text: string
  deleted: boolean
  buttons: Button[][]
  invoice: { title: string; total_amount: number; paid: boolean } | null
}

export interface ReadOptions {
  /** A mark; only what came or changed after it counts. Default: now. */
  since?: number
  withinSeconds?: number
  /** What else the message must be. */
  isIt?: (message: ChatMessage) => boolean
}

export interface Gamer {
  chatId: number
  /** Everything the chat shows now, oldest first. */
  messages(): ChatMessage[]
  write(text: string): Promise<void>
  /** Presses the newest button whose text contains `words`; a link's address comes back. */
  press(words: string): Promise<string | undefined>
  payWithStars(): Promise<void>
  /** The newest message of the bot that matches; waits until there is one. */
  reads(pattern: RegExp, options?: ReadOptions): Promise<ChatMessage>
  /** A mark in the chat, for `since`. */
  mark(): number
}

/** Seconds that a person waits for the bot before they give up. */
const PATIENCE_SECONDS = 60

export async function gamer(options: {
  telegram: Control
  timeline: Timeline
  firstName: string
  stop: AbortSignal
}): Promise<Gamer> {
  const { telegram, timeline, firstName, stop } = options
  const { chat_id: chatId } = await telegram.post<{ chat_id: number }>('/simulator/users', {
    first_name: firstName,
    language_code: 'en',
  })
  const chat = new Map<number, ChatMessage>()
  const readers = new Set<() => void>()
  let seq = 0
  void follow()

  async function follow(): Promise<void> {
    while (!stop.aborted) {
      try {
        const page = await telegram.get<{ seq: number; messages: ChatMessage[] }>(
          `/simulator/chats/${chatId}/messages?since=${seq}&wait=20`,
        )
        seq = page.seq
        for (const message of page.messages) take(message)
        for (const reader of readers) reader()
      } catch (error) {
        if (!stop.aborted) throw error
      }
    }
  }

  function take(message: ChatMessage): void {
    chat.set(message.message_id, message)
    if (message.from !== 'bot' || message.deleted) return
    const buttons = message.buttons.flat().map(({ text }) => `[${text}]`)
    const invoice = message.invoice ? `Invoice: ${message.invoice.title}, ${message.invoice.total_amount} Stars` : ''
    timeline.say('bot', [message.text, invoice, buttons.join(' ')].filter(text => text !== '').join('\n'))
  }

  function find(pattern: RegExp, since: number, isIt: (message: ChatMessage) => boolean): ChatMessage | undefined {
    return [...chat.values()]
      .reverse()
      .find(message => message.from === 'bot' && message.seq > since && pattern.test(message.text) && isIt(message))
  }

  return {
    chatId,
    messages: () => [...chat.values()],
    mark: () => seq,
    async write(text) {
      timeline.say('gamer', `${firstName} writes: ${text}`)
      await telegram.post(`/simulator/chats/${chatId}/messages`, { text })
    },
    async press(words) {
      const shown = [...chat.values()]
        .reverse()
        .flatMap(({ message_id, buttons }) => buttons.flat().map(button => ({ message_id, button })))
      const found = shown.find(({ button }) => button.text.includes(words))
      if (!found)
        throw new Error(
          `The chat shows no button "${words}". It shows: ${shown.map(({ button }) => button.text).join(', ')}`,
        )
      timeline.say('gamer', `${firstName} presses [${found.button.text}]`)
      const { text: button } = found.button
      const reply = await telegram.post<{ type: string; url?: string }>(`/simulator/chats/${chatId}/press`, {
        button,
        message_id: found.message_id,
      })
      return reply.url
    },
    async payWithStars() {
      timeline.say('gamer', `${firstName} confirms the payment in Stars`)
      const paid = await telegram.post<{ paid: boolean; error?: string }>(`/simulator/chats/${chatId}/pay`)
      if (!paid.paid) throw new Error(`The payment in Stars failed: ${paid.error}`)
    },
    async reads(pattern, { since = seq, withinSeconds = PATIENCE_SECONDS, isIt = () => true } = {}) {
      const patience = AbortSignal.any([stop, AbortSignal.timeout(withinSeconds * 1000)])
      const words = `the bot's message that matches ${pattern}`
      const reading = new Promise<ChatMessage>((resolve, reject) => {
        const look = () => {
          const message = find(pattern, since, isIt)
          if (!message) return
          readers.delete(look)
          resolve(message)
        }
        patience.addEventListener('abort', () => {
          readers.delete(look)
          reject(
            new Error(
              `${words} did not come within ${withinSeconds} s. The chat's last words: ${[...chat.values()].at(-1)?.text ?? 'none'}`,
            ),
          )
        })
        readers.add(look)
        look()
      })
      return await timeline.waiting(words, reading)
    },
  }
}
