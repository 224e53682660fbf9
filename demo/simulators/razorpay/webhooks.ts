// Webhooks: an event is a signed snapshot, delivered at least once and in no order, retried with doubling delays, and
// after 24 h of failures the webhook is disabled. razorpay.com/docs/webhooks/best-practices
import type { Clock } from '../clock.ts'
import { append, nextSeq } from '../history.ts'
import type { Random } from '../random.ts'
import { sign } from './signatures.ts'
import type { State, WebhookEvent } from './state.ts'

/** Razorpay says "exponential backoff over 24 hours" and no numbers; the first of these is our choice. Seconds. */
const FIRST_DELAY = 15
const GIVE_UP_AFTER = 24 * 3600

export interface WebhookOptions {
  retryScale: number
  timeoutSeconds: number
  /** Every event waits a random part of this before it is first sent. */
  disorderSeconds: number
  /** Share of accepted deliveries that are sent once more. */
  duplicates: number
}

export class Webhooks {
  readonly #state: State
  readonly #clock: Clock
  readonly #random: Random
  readonly #options: WebhookOptions
  readonly #stopped = new AbortController()
  /** Events that arose before there was an address to send them to. */
  #waiting: WebhookEvent[] = []

  constructor(given: { state: State; clock: Clock; random: Random; options: WebhookOptions }) {
    this.#state = given.state
    this.#clock = given.clock
    this.#random = given.random
    this.#options = given.options
  }

  /** Signs what has happened and starts its delivery. `entities` are copied as they are now. */
  emit(event: string, entities: Record<string, unknown>): void {
    const { webhook, account } = this.#state
    if (webhook.events !== undefined && !webhook.events.includes(event)) return
    const now = this.#clock.now().getTime()
    const body = JSON.stringify({
      entity: 'event',
      account_id: account.id,
      event,
      contains: Object.keys(entities),
      payload: Object.fromEntries(Object.entries(entities).map(([name, entity]) => [name, { entity }])),
      created_at: Math.floor(now / 1000),
    })
    const signed: WebhookEvent = {
      id: this.#random.word(14),
      event,
      payment_id: paymentIdOf(entities),
      body,
      signature: sign(body, webhook.secret),
      createdAt: now,
      delivered: false,
      attempts: 0,
    }
    this.#state.events.set(signed.id, signed)
    if (webhook.url === undefined) this.#waiting.push(signed)
    else if (webhook.active) void this.#deliver(signed)
  }

  /** To be called when the webhook was set. */
  release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const event of waiting) void this.#deliver(event)
  }

  /** Once more, the same bytes; resolves when the endpoint has answered or failed to. */
  async redeliver(event: WebhookEvent, eventId: string): Promise<void> {
    await this.#attempt(event, eventId)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #deliver(event: WebhookEvent): Promise<void> {
    const { retryScale, disorderSeconds, duplicates } = this.#options
    await this.#pause(this.#random.fraction() * disorderSeconds)
    for (let delaySeconds = FIRST_DELAY; this.#state.webhook.active; delaySeconds *= 2) {
      if (this.#stopped.signal.aborted) return
      if (await this.#attempt(event, event.id)) {
        event.delivered = true
        if (this.#random.fraction() < duplicates) await this.#attempt(event, event.id)
        return
      }
      const ageSeconds = (this.#clock.now().getTime() - event.createdAt) / 1000
      if (ageSeconds > GIVE_UP_AFTER * retryScale) this.#state.webhook.active = false
      else await this.#pause(delaySeconds * retryScale)
    }
  }

  async #pause(seconds: number): Promise<void> {
    // Aborted only when the simulator stops; the loops look at that themselves.
    await this.#clock.sleep(seconds * 1000, this.#stopped.signal).catch(() => undefined)
  }

  async #attempt(event: WebhookEvent, eventId: string): Promise<boolean> {
    const { url } = this.#state.webhook
    if (url === undefined) return false
    event.attempts += 1
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'Content-Type': 'application/json',
          'User-Agent': 'Razorpay-Webhook/v1',
          'X-Razorpay-Signature': event.signature,
          'x-razorpay-event-id': eventId,
        },
        body: event.body,
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(this.#options.timeoutSeconds * 1000)]),
      })
      await response.body?.cancel()
      this.#log(event, { eventId, status: response.status })
      return response.ok
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === 'TimeoutError'
      this.#log(event, { eventId, error: timedOut ? 'timed out' : 'no connection' })
      return false
    }
  }

  #log(event: WebhookEvent, given: { eventId: string; status?: number; error?: string }): void {
    const { eventId, ...outcome } = given
    append(this.#state.deliveries, {
      seq: nextSeq(this.#state),
      time: this.#clock.now().toISOString(),
      event_id: eventId,
      event: event.event,
      ...(event.payment_id !== undefined && { payment_id: event.payment_id }),
      attempt: event.attempts,
      ...outcome,
    })
  }
}

function paymentIdOf({ payment }: Record<string, unknown>): string | undefined {
  const known = typeof payment === 'object' && payment !== null && 'id' in payment ? payment.id : undefined
  return typeof known === 'string' ? known : undefined
}
