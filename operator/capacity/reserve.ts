// How much on-demand quota is kept free for rescues, and how likely a rescue is to succeed.
//
// Evictions of a region strike together: Azure takes hardware back by the rack. So of a region's spot machines a share
// is expected to go at once, and for that many there has to be on-demand quota, in each size's family and in all:
//
//     kept machines = min(n, max(minimum, ⌈share × n⌉))        n: spot machines that move onto on-demand when evicted
//     kept cores    = kept machines × cores of the largest of them
//
// The chance that a rescue succeeds is that of finding quota times that of Azure having the hardware:
//
//     chance = E[min(K, free)] / E[K] × (granted + 1) / (granted + refused + 1)      K ~ Binomial(n, share)
//
// `free` counts machines that the free on-demand quota holds; `granted` and `refused` what Azure lately said to
// on-demand there. No spot machine: nothing is to be rescued, and the chance is that of the hardware alone.

export interface ReserveSettings {
  /** Of a region's spot machines, the share that one strike is expected to take. 0 to 1. */
  share: number
  /** Machines that are kept room for at least, where there are as many. */
  minimum: number
}

export interface SpotFleet {
  machines: number
  /** Cores of the largest of them. */
  largest: number
}

export function keptMachines({ machines }: SpotFleet, { share, minimum }: ReserveSettings): number {
  return Math.min(machines, Math.max(minimum, Math.ceil(share * machines)))
}

/** Cores of on-demand quota that admissions leave alone. */
export function keptCores(fleet: SpotFleet, settings: ReserveSettings): number {
  return keptMachines(fleet, settings) * fleet.largest
}

/** 0 to 1. `freeMachines` is infinite where no quota is known. */
export function rescueChance(seen: {
  machines: number
  freeMachines: number
  share: number
  granted: number
  refused: number
}): number {
  const { machines, freeMachines, share, granted, refused } = seen
  return quotaChance({ machines, freeMachines, share }) * ((granted + 1) / (granted + refused + 1))
}

function quotaChance({ machines, freeMachines, share }: Parameters<typeof keptChance>[0]): number {
  if (machines === 0 || freeMachines >= machines) return 1
  if (freeMachines <= 0) return 0
  return keptChance({ machines, freeMachines, share })
}

/** E[min(K, free)] / E[K]: a sum of `machines` terms, by the logarithm so that none of them underflows. */
function keptChance({
  machines,
  freeMachines,
  share,
}: {
  machines: number
  freeMachines: number
  share: number
}): number {
  if (share <= 0) return 1 // A strike that takes one at most finds room: some machine is free.
  if (share >= 1) return freeMachines / machines
  const [hit, missed] = [Math.log(share), Math.log1p(-share)]
  let logOfTerm = machines * missed
  let expected = 0
  for (let struck = 1; struck <= machines; struck += 1) {
    logOfTerm += Math.log((machines - struck + 1) / struck) + hit - missed
    expected += Math.exp(logOfTerm) * Math.min(struck, freeMachines)
  }
  return Math.min(1, expected / (machines * share))
}
