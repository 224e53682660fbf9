// What goes wrong on purpose: injected answers, lost replies, delays, and Telegram's flood control.
// core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
import type { Clock } from '../clock.ts'
import { BotApiError, tooManyRequests } from './errors.ts'
import type { Fault, State } from './state.ts'

/** The fault that this call runs into; taking it uses up one of its times. */
export function takeFault(state: State, method: string): Fault | undefined {
  const fault = state.faults.find(each => each.method === '*' || each.method.toLowerCase() === method.toLowerCase())
  if (fault === undefined) return undefined
  fault.timesLeft -= 1
  if (fault.timesLeft <= 0) state.faults = state.faults.filter(each => each !== fault)
  return fault
}

const DEFAULT_DESCRIPTIONS: Record<number, string> = {
  400: 'Bad Request: injected',
  401: 'Unauthorized',
  403: 'Forbidden: bot was blocked by the user',
  404: 'Not Found',
  409: 'Conflict: injected',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
}

/** The answer that a fault gives in place of doing; undefined when it only delays or loses the reply. */
export function faultAnswer(fault: Fault): BotApiError | undefined {
  const { status, description, retryAfter } = fault
  if (status === undefined) return undefined
  if (status === 429 && description === undefined) return tooManyRequests(retryAfter ?? 1)
  return new BotApiError(status, description ?? DEFAULT_DESCRIPTIONS[status] ?? 'Injected', retryAfter)
}

/** A bucket holds this many seconds' worth of messages. */
const BURST_SECONDS = 3

interface Bucket {
  tokens: number
  at: number
}

/** Token buckets per chat and over all; a rate of 0 is no limit. */
export class FloodControl {
  readonly #clock: Clock
  readonly #perChat: number
  readonly #total: number
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock, rates: { perChat: number; total: number }) {
    this.#clock = clock
    this.#perChat = rates.perChat
    this.#total = rates.total
  }

  /** Throws 429 with the whole seconds until a message may pass again. */
  pass(chatId: string): void {
    this.#take('total', this.#total)
    this.#take(`chat ${chatId}`, this.#perChat)
  }

  #take(name: string, rate: number): void {
    if (rate <= 0) return
    const now = this.#clock.now().getTime() / 1000
    const full = Math.max(rate * BURST_SECONDS, 1)
    const bucket = this.#buckets.get(name) ?? { tokens: full, at: now }
    bucket.tokens = Math.min(full, bucket.tokens + (now - bucket.at) * rate)
    bucket.at = now
    this.#buckets.set(name, bucket)
    if (bucket.tokens < 1) throw tooManyRequests(Math.max(1, Math.ceil((1 - bucket.tokens) / rate)))
    bucket.tokens -= 1
  }
}
