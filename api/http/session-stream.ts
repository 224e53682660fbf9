// Wakes the streams of this process when a session has changed. One connection listens for all of them; what it misses
// while it is away is found when it is back, and by a look now and then in any case.

import { outage } from '../../lib/database/outage.ts'
import type { Database } from '../../lib/database/pool.ts'
import type { Clock } from '../../lib/process/clock.ts'
import type { Logger } from '../../lib/telemetry/log.ts'
import { SESSION_EVENTS_CHANNEL } from '../sessions/events.ts'
import { HttpError } from './errors.ts'

/** Streams at once: of one player, and of all of them in this process. */
export const STREAMS = { player: 4, process: 2000 } as const

export interface StreamHub {
  /** Throws `HttpError` TooManyStreams. */
  open(of: { playerId: string; sessionId: string }): Stream
  /** Streams of a player that are open now. */
  count(playerId: string): number
  /** Listens until the signal is aborted, then ends all streams. */
  run(stop: AbortSignal): Promise<void>
}

export interface Stream {
  /** Resolves when the session may have changed since the last time, or after `seconds`. */
  changed(seconds: number): Promise<void>
  /** Aborted when the program stops. */
  ended: AbortSignal
  close(): void
}

const RETRY_SECONDS = 2

export function streamHub({ database, clock, log }: { database: Database; clock: Clock; log: Logger }): StreamHub {
  const wakers = new Map<string, Set<() => void>>()
  const players = new Map<string, number>()
  const end = new AbortController()
  let total = 0
  const wakeAll = () => {
    for (const set of wakers.values()) for (const wake of set) wake()
  }

  return {
    open({ playerId, sessionId }) {
      const open = players.get(playerId) ?? 0
      if (open >= STREAMS.player || total >= STREAMS.process) {
        throw new HttpError('TooManyStreams', { retryAfterSeconds: 5 })
      }
      players.set(playerId, open + 1)
      total += 1
      const bell = newBell(clock)
      const set = wakers.get(sessionId) ?? new Set()
      wakers.set(sessionId, set.add(bell.ring))
      let isOpen = true
      return {
        changed: bell.rung,
        ended: end.signal,
        close() {
          if (!isOpen) return
          isOpen = false
          total -= 1
          const left = (players.get(playerId) ?? 1) - 1
          if (left > 0) players.set(playerId, left)
          else players.delete(playerId)
          set.delete(bell.ring)
          if (set.size === 0) wakers.delete(sessionId)
          bell.ring()
        },
      }
    },
    count: playerId => players.get(playerId) ?? 0,
    async run(stop) {
      const ring = (sessionId: string) => {
        for (const wake of wakers.get(sessionId) ?? []) wake()
      }
      const away = outage(log, 'Changes of sessions are not heard of; streams look for them instead')
      let listening: { unlisten(): Promise<void> } | undefined
      while (!stop.aborted && !listening) {
        listening = await database.listen(SESSION_EVENTS_CHANNEL, ring, wakeAll).catch((error: unknown) => {
          away.failed(error)
          return undefined
        })
        if (!listening) await clock.sleep(RETRY_SECONDS * 1000, stop).catch(() => undefined)
      }
      away.over()
      if (!stop.aborted) await new Promise<void>(resolve => stop.addEventListener('abort', () => resolve()))
      end.abort()
      wakeAll()
      await listening?.unlisten().catch(() => undefined)
    },
  }
}

/** A ring that nobody waits for is remembered. */
function newBell(clock: Clock) {
  let isRung = false
  let answer: (() => void) | undefined
  return {
    ring: () => {
      isRung = true
      answer?.()
    },
    async rung(seconds: number): Promise<void> {
      if (!isRung) {
        const heard = new AbortController()
        const timeout = clock.sleep(seconds * 1000, heard.signal).catch(() => undefined)
        await Promise.race([
          new Promise<void>(resolve => {
            answer = resolve
          }),
          timeout,
        ])
        heard.abort()
        answer = undefined
      }
      isRung = false
    },
  }
}
