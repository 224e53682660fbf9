// Refuses to begin what the catalogue does not cover, in words that say what to do. A machine that exists is left
// alone: a mistake in the catalogue must not take it away.
import { type Phase, type Seen, scaled, type Verdict } from './decision.ts'

/** Seconds until the next look, should nobody tell of a changed catalogue. */
const LOOK_SECONDS = 300

export const catalogued: Phase = seen => {
  const { machine, region, image, observed } = seen
  if (observed.virtualMachine) return {}
  if (!region) return stalled(seen, 'RegionUnknown', `region ${machine.spec.region}`)
  if (!image) return stalled(seen, 'ImageUnknown', `image ${machine.spec.image}`)
  return {}
}

function stalled({ settings }: Seen, reason: string, what: string): Verdict {
  const message = `The catalogue has no ${what}. Add it to the catalogue, or create a GpuVm with one that it has.`
  return { stalled: { reason, message }, requeueAfterSeconds: scaled(LOOK_SECONDS, settings) }
}
