// The queue of updates: what the bot is subscribed to, in order, until it is delivered by one of the two ways.

import { HISTORY_LIMIT } from '../history.ts'
import { refuse } from './errors.ts'
import type { Update, UpdateKind, World } from './state.ts'

/** Most updates that one getUpdates returns. core.telegram.org/bots/api#getupdates */
const GET_UPDATES_LIMIT = 100

/** Undefined when the bot has not subscribed to this kind: such updates are never delivered. */
export function enqueue(
  world: World,
  given: { chatId: number; kind: UpdateKind; payload: Record<string, unknown> },
): Update | undefined {
  const { state, watch } = world
  if (state.allowedUpdates !== undefined && !state.allowedUpdates.includes(given.kind)) return undefined

  const update_id = state.nextUpdateId
  state.nextUpdateId += 1
  const body = { update_id, [given.kind]: given.payload }
  const update: Update = { update_id, chatId: given.chatId, kind: given.kind, body }
  state.pending.push(update)
  state.sent.set(update_id, update)
  if (state.sent.size > HISTORY_LIMIT) {
    for (const oldest of [...state.sent.keys()].slice(0, state.sent.size - HISTORY_LIMIT)) state.sent.delete(oldest)
  }
  watch.notify()
  return update
}

export function confirm(world: World, update: Update): void {
  world.state.pending = world.state.pending.filter(pending => pending !== update)
  world.watch.notify()
}

/** One long poll; an offset confirms everything before it, a negative one keeps only that many of the newest. */
export class LongPolling {
  readonly #world: World
  #current: symbol | undefined

  constructor(world: World) {
    this.#world = world
  }

  async getUpdates(given: { offset: number; limit: number; timeoutSeconds: number }): Promise<unknown[]> {
    const { state, watch } = this.#world
    if (state.webhook !== undefined) throw refuse('WebhookActive')

    const poll = Symbol('getUpdates')
    this.#current = poll
    watch.notify()
    if (given.offset > 0) state.pending = state.pending.filter(({ update_id }) => update_id >= given.offset)
    if (given.offset < 0) state.pending = state.pending.slice(given.offset)

    const limit = given.limit > 0 ? Math.min(given.limit, GET_UPDATES_LIMIT) : GET_UPDATES_LIMIT
    const found = await watch.until(() => {
      if (this.#current !== poll) throw refuse('OtherGetUpdates')
      return state.pending.length > 0 ? state.pending.slice(0, limit) : undefined
    }, given.timeoutSeconds)
    return (found ?? []).map(({ body }) => body)
  }
}
