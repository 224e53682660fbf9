// Refuses to begin what the catalogue does not cover, in words that say what it does cover. A machine that exists is
// left alone: a mistake in the catalogue must not take it away.
import type { Phase } from './decision.ts'

export const catalogued: Phase = ({ machine, region, image, observed }) => {
  if (observed.virtualMachine) return {}
  if (!region) {
    const message = `The catalogue has no region ${machine.spec.region}. Add it to the catalogue, or create a GpuVm in a region that it has.`
    return { stalled: { reason: 'RegionUnknown', message } }
  }
  if (!image) {
    const message = `The catalogue has no image ${machine.spec.image}. Add it to the catalogue, or create a GpuVm with an image that it has.`
    return { stalled: { reason: 'ImageUnknown', message } }
  }
  return {}
}
