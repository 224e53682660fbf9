// Webhook delivery, as tdlib/telegram-bot-api's WebhookActor does it: one update at a time per chat, chats in
// parallel up to `max_connections`, any 2xx is success, else the same update again after 1 s, 2 s, 4 s … to a random
// 60-120 s, a Retry-After of up to an hour honoured, until the update is a day old.
import type { Clock } from '../clock.ts'
import { append, nextSeq } from '../history.ts'
import type { Random } from '../random.ts'
import type { Update, Webhook, World } from './state.ts'
import { confirm } from './updates.ts'

/** Seconds. WebhookActor.h, WEBHOOK_MAX_RESEND_TIMEOUT and WEBHOOK_DROP_TIMEOUT */
const LONGEST_DELAY = 60
const DROP_AFTER = 23 * 3600
const LONGEST_RETRY_AFTER = 3600

export interface DeliveryOptions {
  retryScale: number
  timeoutSeconds: number
  /** Share of accepted deliveries that are sent once more. */
  duplicates: number
}

interface Outcome {
  accepted: boolean
  retryAfter: number | undefined
}

export class Delivery {
  readonly #world: World
  readonly #options: DeliveryOptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #stopped = new AbortController()
  readonly #busyChats = new Set<number>()
  /** Aborted when the webhook changes, so that nobody sleeps out a delay that belonged to the old one. */
  #webhookChanged = new AbortController()
  #inFlight = 0

  constructor(world: World, options: DeliveryOptions) {
    this.#world = world
    this.#options = options
    this.#clock = world.clock
    this.#random = world.random
  }

  webhookChanged(): void {
    this.#webhookChanged.abort()
    this.#webhookChanged = new AbortController()
    this.kick()
  }

  /** To be called after anything that may have queued an update. */
  kick(): void {
    const { webhook, pending } = this.#world.state
    if (webhook === undefined || this.#stopped.signal.aborted) return
    for (const { chatId } of pending) {
      if (this.#busyChats.has(chatId)) continue
      this.#busyChats.add(chatId)
      void this.#drain(chatId)
    }
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** Sends an update once more, outside the queue, as a network would. */
  async repeat(update: Update): Promise<void> {
    const { webhook } = this.#world.state
    if (webhook) await this.#attempt(webhook, { update, attempt: 0 })
  }

  async #drain(chatId: number): Promise<void> {
    const { state } = this.#world
    for (;;) {
      const update = state.pending.find(each => each.chatId === chatId)
      if (update === undefined || state.webhook === undefined || this.#stopped.signal.aborted) break
      await this.#deliver(update)
    }
    this.#busyChats.delete(chatId)
  }

  /** Returns when the update is accepted, dropped, or the webhook is gone. */
  async #deliver(update: Update): Promise<void> {
    const startedAt = this.#clock.now().getTime()
    let delaySeconds = 1
    for (let attempt = 1; ; attempt += 1) {
      const { webhook, pending } = this.#world.state
      if (webhook === undefined || this.#stopped.signal.aborted || !pending.includes(update)) return
      const { accepted, retryAfter } = await this.#attempt(webhook, { update, attempt })
      const ageSeconds = (this.#clock.now().getTime() - startedAt) / 1000
      if (accepted || ageSeconds > DROP_AFTER * this.#options.retryScale) {
        confirm(this.#world, update)
        if (accepted && this.#random.fraction() < this.#options.duplicates) await this.repeat(update)
        return
      }
      await this.#pause(Math.min(retryAfter ?? delaySeconds, LONGEST_RETRY_AFTER))
      delaySeconds =
        delaySeconds < LONGEST_DELAY ? delaySeconds * 2 : this.#random.integer(LONGEST_DELAY, 2 * LONGEST_DELAY)
    }
  }

  async #pause(seconds: number): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, this.#webhookChanged.signal])
    // An aborted wait is over, like one that has passed: the loop looks at the state again.
    await this.#clock.sleep(seconds * 1000 * this.#options.retryScale, signal).catch(() => undefined)
  }

  async #attempt(webhook: Webhook, given: { update: Update; attempt: number }): Promise<Outcome> {
    const { state, watch } = this.#world
    await watch.until(() => (this.#inFlight < webhook.maxConnections ? true : undefined), this.#options.timeoutSeconds)
    this.#inFlight += 1
    const { update, attempt } = given
    const entry = { update_id: update.update_id, chat_id: update.chatId, attempt }
    const log = (outcome: { status?: number; error?: string }) => {
      const time = this.#clock.now().toISOString()
      append(state.deliveries, { seq: nextSeq(state), time, ...entry, ...outcome })
    }
    try {
      const response = await fetch(webhook.url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'Content-Type': 'application/json',
          ...(webhook.secretToken !== undefined && { 'X-Telegram-Bot-Api-Secret-Token': webhook.secretToken }),
        },
        body: JSON.stringify(update.body),
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(this.#options.timeoutSeconds * 1000)]),
      })
      await response.body?.cancel()
      log({ status: response.status })
      if (response.ok) return { accepted: true, retryAfter: undefined }

      this.#failed(webhook, `Wrong response from the webhook: ${response.status} ${response.statusText}`)
      const retryAfter = Number(response.headers.get('Retry-After') ?? Number.NaN)
      return { accepted: false, retryAfter: retryAfter > 0 ? retryAfter : undefined }
    } catch (error) {
      const timedOut = error instanceof DOMException && error.name === 'TimeoutError'
      const reason = timedOut ? 'Read timeout expired' : 'Connection refused'
      log({ error: reason })
      this.#failed(webhook, reason)
      return { accepted: false, retryAfter: undefined }
    } finally {
      this.#inFlight -= 1
      watch.notify()
    }
  }

  #failed(webhook: Webhook, message: string): void {
    webhook.lastErrorDate = Math.floor(this.#clock.now().getTime() / 1000)
    webhook.lastErrorMessage = message
  }
}
