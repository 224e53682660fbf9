// What Azure's answers have taught: what it refused, where creations fail, what became of on-demand, how often it takes
// spot back. Learned from what happens and, at the start, from what an earlier process wrote into the history.
import type { Clock } from '../../lib/process/clock.ts'
import type { CapacityEvent } from '../history/history.ts'
import { evictionRates } from './eviction-rates.ts'
import { onDemandAnswers } from './on-demand-answers.ts'
import { rememberRefusals } from './refusals.ts'
import { isQuota, restingRegions } from './resting.ts'

/** Nothing is believed, or doubted, for longer: the table's longest time, and the hour of doubt after it. */
export const BELIEVED_SECONDS = 25 * 3600

export type Experience = ReturnType<typeof experience>

export function experience({ clock }: { clock: Pick<Clock, 'monotonic' | 'now'> }) {
  /** How long ago that was, in milliseconds, which is being learned. */
  let ago = 0
  const then = { monotonic: () => clock.monotonic() - ago }
  const refusals = rememberRefusals({ clock: then })
  const resting = restingRegions({ clock: then })
  const answers = onDemandAnswers({ clock: then })
  const rates = evictionRates({ clock })

  /** Whether another place may be the best one by it. */
  function learn(event: CapacityEvent): boolean {
    const { kind, region, priority, gpuVmUid, at, askedAt = at, code = '', message = '' } = event
    switch (kind) {
      case 'Asked':
      case 'Evicted':
        return false
      case 'Granted':
        refusals.granted(event, then.monotonic() - (at.getTime() - askedAt.getTime()))
        resting.note(event, 'Granted')
        if (priority === 'Regular') answers.note(region, 'Granted')
        return true
      case 'Refused':
        refusals.remember({ code, message }, event, gpuVmUid)
        if (!isQuota(code)) resting.note(event, 'Failed')
        if (priority === 'Regular') answers.note(region, 'Refused')
        return true
      case 'Unfit':
        refusals.remember({ code, message }, event, gpuVmUid)
        return true
      case 'Released':
        return refusals.ease(event)
      default:
        return kind satisfies never
    }
  }

  return {
    refusals,
    resting,
    answers,
    rates,
    /** Learns from what has just happened; whether another place may be the best one by it. */
    heed(event: CapacityEvent): boolean {
      const { kind, priority, gpuVmUid } = event
      if (kind === 'Granted' && priority === 'Spot') rates.began(gpuVmUid, event)
      if (kind === 'Evicted' || kind === 'Released') rates.ended(gpuVmUid, kind)
      return learn(event)
    },
    /**
     * Learns from what came before this process, the oldest first, as if it had been there; what has lost its force
     * meanwhile has none now. Not the rates: those are recalled as sums.
     */
    recall(events: readonly CapacityEvent[]): void {
      const now = clock.now().getTime()
      for (const event of events) {
        ago = Math.max(0, now - event.at.getTime())
        learn(event)
      }
      ago = 0
    },
  }
}
