// What the operator says of the wait: a hint that a player likes to have and that nothing depends on. No answer, a strange
// one, or none in time: then there is no hint.
import { z } from 'zod'
import type { Clock } from '../../lib/process/clock.ts'

export interface ExpectedStart {
  /** Until play can begin, if it were ordered now. */
  seconds: number
  /** Sessions that wait for the same and came before. */
  sessionsAhead: number
}

export interface OperatorHints {
  /** `null` when nobody knows. Never throws. */
  expectedStart(wish: { tier: string; regions: readonly string[] }): Promise<ExpectedStart | null>
}

/** Milliseconds that a player's question waits for the hint. */
const ANSWER_MILLISECONDS = 300
/** Seconds for which an answer, or its absence, is good for everybody. */
const FRESH_SECONDS = 5

/** The part of GET /v1/queue that is used here: by tier and region, how long a start takes. */
const queueSchema = z.looseObject({
  items: z
    .array(
      z.looseObject({
        tier: z.string(),
        region: z.string(),
        expectedSeconds: z.number().min(0).max(86_400),
        waiting: z.int().min(0).default(0),
      }),
    )
    .max(1000),
})
type Queue = z.infer<typeof queueSchema>

/** `undefined` for `url`: there is no operator to ask. */
export function operatorHints({ url, clock }: { url: string | undefined; clock: Clock }): OperatorHints {
  let known: { queue: Promise<Queue | undefined>; askedAt: number } | undefined
  const queueNow = () => {
    if (known && clock.monotonic() - known.askedAt < FRESH_SECONDS * 1000) return known.queue
    known = { queue: ask(url), askedAt: clock.monotonic() }
    return known.queue
  }
  return {
    async expectedStart({ tier, regions }) {
      const queue = await queueNow()
      const fitting = queue?.items.filter(item => item.tier === tier && regions.includes(item.region)) ?? []
      const [best] = fitting.sort((left, right) => left.expectedSeconds - right.expectedSeconds)
      return best ? { seconds: Math.ceil(best.expectedSeconds), sessionsAhead: best.waiting } : null
    },
  }
}

async function ask(url: string | undefined): Promise<Queue | undefined> {
  if (url === undefined) return undefined
  try {
    const signal = AbortSignal.timeout(ANSWER_MILLISECONDS)
    const reply = await fetch(`${url}/v1/queue`, { redirect: 'error', signal })
    return queueSchema.safeParse(await reply.json()).data
  } catch {
    return undefined // Away, or another version: the quote goes without.
  }
}
