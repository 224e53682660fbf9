// Whose seconds these are: the wall's, or driven by hand. By hand, time stands still for as long as anything is left to be
// done in it, whoever does it, and then goes on by a step for all: Azure, the machines' insides and the operators, who are
// woken in the order of their times.
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { request } from 'undici'
import { z } from 'zod'
import { handClock } from '../../../lib/kube/hand-clock.ts'
import { type Clock, systemClock } from '../../../lib/process/clock.ts'

export interface Time {
  clock: Clock
  /** Time stands still until this is done, which must not itself wait for time to go on. */
  during<Result>(work: () => Promise<Result>): Promise<Result>
}

export const byTheWall: Time = { clock: systemClock, during: work => work() }

/** Of Azure's at once. With each step all wait for all: in smaller ones that is what most of the time goes to. */
const STEP_SECONDS = 2
/** So many turns of the loop in a row with nothing under way: what an answer gave to do has begun by then. */
const QUIET_TURNS = 3
/**
 * The API server stamps objects by the wall. An operator that finds one younger than itself trusts that nobody worked on it
 * before: so far ahead of the wall it finds none, however long it runs.
 */
const AHEAD_SECONDS = 30 * 86_400

const movedShape = z.object({ time: z.string(), feed: z.number() })

export interface TimeByHand extends Time {
  /** From here on it goes on. Azure and the guests listen there, with clocks to be moved by hand. `isBehind`: not all was told. */
  begin(where: { azure: string; guests: string; isBehind: () => boolean }): Promise<void>
  /** Rejects when time could not be moved. */
  stop(): Promise<void>
}

/** `speed`: how many of Azure's seconds pass in one of the clock's. */
export function byHand(speed: number): TimeByHand {
  const step = STEP_SECONDS / speed
  const clock = handClock(new Date(Date.now() + AHEAD_SECONDS * 1000))
  let underWay = 0
  let isOver = false
  let failed: { error: unknown } | undefined
  let done: PromiseWithResolvers<void> | undefined

  async function quiet(isBehind: () => boolean): Promise<void> {
    for (let turns = 0; turns < QUIET_TURNS && !isOver; turns += 1) {
      if (underWay > 0) {
        turns = 0
        done = Promise.withResolvers()
        await done.promise
      }
      if (isBehind()) {
        turns = 0
        await delay(1)
      }
      await nextTurn()
    }
  }

  async function goOn(pass: (seconds: number) => Promise<unknown>, isBehind: () => boolean): Promise<void> {
    while (!isOver) {
      await quiet(isBehind)
      await pass(step)
      await clock.advance(step)
    }
  }
  let going = Promise.resolve()

  return {
    clock,
    async during(work) {
      if (failed !== undefined) throw failed.error
      underWay += 1
      try {
        return await work()
      } finally {
        underWay -= 1
        if (underWay === 0) done?.resolve()
      }
    },
    async begin({ azure, guests, isBehind }) {
      const pass = async (advanceSeconds: number) => {
        const moved = movedShape.parse(await post(`${azure}/simulator/time`, { advanceSeconds }))
        await post(`${guests}/simulator/time`, moved)
        return Date.parse(moved.time)
      }
      await pass((clock.now().getTime() - (await pass(0))) / 1000)
      going = goOn(pass, isBehind)
      going.catch((error: unknown) => {
        failed = { error } // Told to whoever asks for anything from now on, and to whoever stops it.
      })
    },
    async stop() {
      isOver = true
      done?.resolve()
      await going
    },
  }
}

async function post(url: string, given: object): Promise<unknown> {
  const headers = { 'content-type': 'application/json' }
  const { statusCode, body } = await request(url, { method: 'POST', headers, body: JSON.stringify(given) })
  const text = await body.text()
  if (statusCode >= 400) throw new Error(`POST ${url}: ${statusCode} ${text}`)
  return JSON.parse(text)
}
