// What Azure lately said to on-demand in each region: how often it granted, how often it refused. Half of it fades in
// an hour, so that a bad evening does not speak of the next morning.
import type { Clock } from '../../lib/process/clock.ts'

const HALF_LIFE_HOURS = 1

export interface Answers {
  granted: number
  refused: number
}

export function onDemandAnswers({ clock }: { clock: Pick<Clock, 'monotonic'> }) {
  const known = new Map<string, Answers & { at: number }>()
  const hours = () => clock.monotonic() / 3_600_000

  function of(region: string): Answers {
    const { granted, refused, at } = known.get(region) ?? { granted: 0, refused: 0, at: hours() }
    const left = 0.5 ** ((hours() - at) / HALF_LIFE_HOURS)
    return { granted: granted * left, refused: refused * left }
  }
  return {
    of,
    note(region: string, answer: 'Granted' | 'Refused'): void {
      const { granted, refused } = of(region)
      const next = answer === 'Granted' ? { granted: granted + 1, refused } : { granted, refused: refused + 1 }
      known.set(region, { ...next, at: hours() }) // Bounded by the catalogue's regions.
    },
  }
}
