// What the operator says of the wait: a hint that a player likes to have and that nothing depends on. No answer, a strange
// one, or none in time: then there is no hint.
import { STARTS_PATH, type Starts, startsSchema } from '../../crds/starts.ts'
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

/** `undefined` for `url`: there is no operator to ask. */
export function operatorHints({ url, clock }: { url: string | undefined; clock: Clock }): OperatorHints {
  let known: { starts: Promise<Starts | undefined>; askedAt: number } | undefined
  const startsNow = () => {
    if (known && clock.monotonic() - known.askedAt < FRESH_SECONDS * 1000) return known.starts
    known = { starts: ask(url), askedAt: clock.monotonic() }
    return known.starts
  }
  return {
    async expectedStart({ tier, regions }) {
      const starts = await startsNow()
      const fitting = starts?.items.filter(item => item.tier === tier && regions.includes(item.region)) ?? []
      const [best] = fitting.sort((left, right) => left.expectedSeconds - right.expectedSeconds)
      return best ? { seconds: Math.ceil(best.expectedSeconds), sessionsAhead: best.waiting } : null
    },
  }
}

async function ask(url: string | undefined): Promise<Starts | undefined> {
  if (url === undefined) return undefined
  try {
    const signal = AbortSignal.timeout(ANSWER_MILLISECONDS)
    const reply = await fetch(`${url}${STARTS_PATH}`, { redirect: 'error', signal })
    return startsSchema.safeParse(await reply.json()).data
  } catch {
    return undefined // Away, or another version: the quote goes without.
  }
}
