// From a session's spec and the catalogue to what it may be placed on, or to what is wrong with it. A session that
// names what the catalogue does not know is `Stalled` for as long as that is so: it costs nothing, and nothing is
// latched, since a change of the catalogue mends it as well as a new session does.
import type { Catalogue } from '../../crds/catalogue.ts'
import type { GameSession } from '../../crds/types/gamesession.ts'
import type { GpuVm, GpuVmSpec } from '../../crds/types/gpuvm.ts'
import { type BilledOs, type Candidate, fittingSizes, type Ranking, type Wish, zonesOf } from '../capacity/rank.ts'
import type { Explanation } from './decision.ts'

export type WishOrFault = { wish: Wish; fault?: never } | { fault: Explanation; wish?: never }

export function wishOf({ spec }: Pick<GameSession, 'spec'>, catalogue: Catalogue): WishOrFault {
  const game = catalogue.games[spec.game]
  if (game === undefined) return unknown('GameUnknown', { kind: 'game', asked: spec.game, known: catalogue.games })
  if (catalogue.tiers[spec.tier] === undefined) {
    return unknown('TierUnknown', { kind: 'tier', asked: spec.tier, known: catalogue.tiers })
  }
  if (!game.tiers.includes(spec.tier)) {
    const message = `${spec.game} cannot be played in tier ${spec.tier}; it is offered in: ${game.tiers.join(', ')}.`
    return { fault: { reason: 'TierNotOffered', message: `${message} Create a new session in one of them.` } }
  }
  const stray = spec.regions.find(region => catalogue.regions[region] === undefined)
  if (stray !== undefined) {
    return unknown('RegionUnknown', { kind: 'region', asked: stray, known: catalogue.regions })
  }
  return {
    wish: {
      sizes: fittingSizes(catalogue, { tier: spec.tier, image: game.image }),
      regions: spec.regions,
      zones: zonesOf(spec.regions, catalogue),
      preference: spec.capacity.preference,
      maxHourlyPriceUsd:
        spec.capacity.maxHourlyPriceUsd === undefined ? undefined : Number(spec.capacity.maxHourlyPriceUsd),
      billedOs: billedOs(catalogue, game.image),
    },
  }
}

/** A client or server licence that is brought along (`licenseType`) leaves the price of the bare machine. */
export function billedOs(catalogue: Catalogue, image: string): BilledOs {
  const { osType, licenseType } = catalogue.images[image] ?? {}
  return osType === 'Windows' && licenseType === 'None' ? 'Windows' : 'Linux'
}

/** The machine for a candidate. The session's spec must have given a wish under this catalogue. */
export function machineSpec(
  { spec }: Pick<GameSession, 'spec'>,
  { catalogue, ranking, candidate }: { catalogue: Catalogue; ranking: Ranking; candidate: Candidate },
): GpuVmSpec {
  const { region, zone, size, priority } = candidate
  return {
    region,
    ...(zone !== undefined && { zone }),
    size,
    priority,
    onEviction: mayMoveOntoRegular(spec, ranking, candidate) ? 'Regular' : 'Wait',
    powerState: 'Running',
    image: catalogue.games[spec.game]?.image ?? '',
    disks: {
      os: {
        sizeGiB: catalogue.tiers[spec.tier]?.osDiskGiB ?? 128,
        sku: zone === undefined ? 'StandardSSD_LRS' : 'StandardSSD_ZRS', // So that a rescue may go to another zone.
      },
    },
    ...(spec.clientCIDRs && { clientCIDRs: spec.clientCIDRs }),
  }
}

/** The machine for a candidate in another region, with a copy of the disk that the session was played on. */
export function movedSpec(
  session: Pick<GameSession, 'spec'>,
  { from, ...about }: { catalogue: Catalogue; ranking: Ranking; candidate: Candidate; from: GpuVm },
): GpuVmSpec {
  const { image, disks } = from.spec
  const spec = machineSpec(session, about)
  const copyOf = from.status?.resources?.osDisk ?? ''
  const { sizeGiB } = disks.os
  return { ...spec, image, disks: { ...disks, os: { ...spec.disks.os, sizeGiB, copyOf } } }
}

/** The player's cap holds for the rescue too: it must not move a session onto capacity that is too dear. */
function mayMoveOntoRegular({ capacity }: GameSession['spec'], { ruledOut }: Ranking, candidate: Candidate): boolean {
  if (capacity.preference === 'SpotOnly') return false
  return !ruledOut.some(
    ({ region, size, priority, reason }) =>
      region === candidate.region &&
      size === candidate.size &&
      priority === 'Regular' &&
      (reason === 'AbovePriceCap' || reason === 'PriceUnknown'),
  )
}

function unknown(reason: string, about: { kind: string; asked: string; known: object }): { fault: Explanation } {
  const known = Object.keys(about.known).join(', ') || 'none'
  const message = `The catalogue has no ${about.kind} "${about.asked}"; it has: ${known}.`
  const remedy = about.kind === 'region' ? 'Edit spec.regions' : `spec.${about.kind} is immutable: create a new session`
  return { fault: { reason, message: `${message} ${remedy}, or add the ${about.kind} to the catalogue.` } }
}
