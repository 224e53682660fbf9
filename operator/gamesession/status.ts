// The whole status from what was seen and what was decided. Alone sets `phase`; no decision reads it.
import type { Zone } from '../../crds/catalogue.ts'
import type { GameSessionStatus } from '../../crds/types/gamesession.ts'
import { type ConditionChange, removeCondition, setCondition } from '../../lib/kube/conditions.ts'
import { withSuspension } from '../held.ts'
import { type Billing, finalBilling, paidUntil } from './billing.ts'
import { machineOf, type Seen, type Verdict } from './decision.ts'
import { interruptionsNow } from './interruptions.ts'
import { evictionsOf, placeOf } from './machine.ts'
import { machineName } from './placement.ts'
import { type Standing, standingOf } from './standing.ts'

/** Sunshine's ports, by their distance from its base port 47989: https://docs.lizardbyte.dev/projects/sunshine */
const PORTS = { https: 47_984, http: 47_989, rtsp: 48_010, video: 47_998, control: 47_999, audio: 48_000 } as const

export function statusOf(seen: Seen, verdict: Verdict): GameSessionStatus {
  const { session, now } = seen
  const old = session.status ?? {}
  const { step } = verdict
  const billing = step?.do === 'End' ? finalBilling(seen) : seen.billing
  const isEnded = verdict.ended === true || old.endedAt !== undefined

  const next: GameSessionStatus = {
    observedGeneration: session.metadata.generation ?? 0,
    evictions: evictionsNow(seen),
    billing: billingStatus(billing),
  }
  put(next, 'endReason', old.endReason ?? (step?.do === 'End' ? step.reason : undefined))
  put(next, 'endedAt', old.endedAt ?? (isEnded ? now.toISOString() : undefined))
  put(next, 'readyAt', old.readyAt ?? seen.billing.since?.toISOString()) // It may begin and end in one pass.
  put(next, 'paidUntil', paidUntil(billing, session.spec.paidSeconds)?.toISOString())
  put(next, 'placement', isEnded ? whereItWas(old.placement) : placementOf(seen, verdict))
  put(next, 'vm', isEnded ? undefined : vmOf(seen, verdict))
  put(next, 'endpoint', isEnded ? undefined : endpointOf(seen))
  const interruptions = interruptionsNow({ session, machine: machineOf(seen), billing, now })
  put(next, 'interruptions', interruptions.length > 0 ? interruptions : undefined)

  const standing = standingOf(seen, verdict, next)
  next.phase = standing.phase
  next.conditions = conditionsOf(seen, standing, { billing, step })
  return next
}

function billingStatus({ seconds, since, final }: Billing): NonNullable<GameSessionStatus['billing']> {
  return { seconds, ...(since && { since: since.toISOString() }), ...(final && { final }) }
}

/** It never falls, whatever becomes of the machines that counted. */
function evictionsNow(seen: Seen): number {
  const machine = machineOf(seen)
  return Math.max(seen.session.status?.evictions ?? 0, machine === undefined ? 0 : evictionsOf(machine))
}

function vmOf(seen: Seen, { step }: Verdict): GameSessionStatus['vm'] {
  const machine = machineOf(seen)
  if (machine) {
    const { name, uid } = machine.metadata
    return { name, ...(uid !== undefined && { uid }) }
  }
  return step?.do === 'CreateMachine' ? { name: machineName(seen.session, step.spec.region) } : undefined
}

/** Known as soon as the address is allocated, and kept while the machine behind it is replaced. */
function endpointOf(seen: Seen): GameSessionStatus['endpoint'] {
  const host = machineOf(seen)?.status?.publicIP
  return host === undefined ? undefined : { host, ports: { ...PORTS } }
}

function placementOf(seen: Seen, { step }: Verdict): GameSessionStatus['placement'] {
  const old = seen.session.status?.placement
  if (step?.do === 'CreateMachine') return placementStatus(step.candidate)

  const machine = machineOf(seen)
  if (machine === undefined) return old
  const place = placeOf(machine)
  const really = { ...place, ...(machine.status?.priority && { priority: machine.status.priority }) }
  if (machine.status?.size) really.size = machine.status.size
  if (machine.status?.zone) really.zone = machine.status.zone
  const next = placementStatus({ ...really, hourlyPriceUsd: seen.observed.hourlyPriceUsd })
  const isSame =
    old !== undefined &&
    old.region === next.region &&
    old.zone === next.zone &&
    old.size === next.size &&
    old.capacityType === next.capacityType &&
    old.hourlyPriceUsd !== undefined
  return isSame ? old : next // The price of the day it was placed: a fleet must not be rewritten with each price list.
}

/** It runs on nothing any more. */
function whereItWas(old: GameSessionStatus['placement']): GameSessionStatus['placement'] {
  return old && { region: old.region, size: old.size }
}

function placementStatus(place: {
  region: string
  zone?: Zone | undefined
  size: string
  priority: 'Spot' | 'Regular'
  hourlyPriceUsd: number | undefined
}): NonNullable<GameSessionStatus['placement']> {
  const { region, zone, size, priority, hourlyPriceUsd } = place
  const capacityType = priority === 'Spot' ? 'Spot' : 'OnDemand'
  return {
    region,
    ...(zone !== undefined && { zone }),
    size,
    capacityType,
    ...(hourlyPriceUsd !== undefined && { hourlyPriceUsd: decimal(hourlyPriceUsd) }),
  }
}

/** At most five digits after the point, as Azure's price list has. */
function decimal(usd: number): string {
  return String(Number(usd.toFixed(5)))
}

function conditionsOf(
  seen: Seen,
  standing: Standing,
  { billing, step }: { billing: Billing; step: Verdict['step'] },
): NonNullable<GameSessionStatus['conditions']> {
  const { session, now } = seen
  const { is, reason, message } = standing
  const observedGeneration = session.metadata.generation
  let conditions = session.status?.conditions ?? []
  const set = (change: ConditionChange) => {
    conditions = setCondition(conditions, { observedGeneration, ...change }, now)
  }

  set({ type: 'Ready', status: readiness(seen, standing), reason, message })
  set({ type: 'Playable', ...playability(billing, standing) })
  const transient = is === 'Progressing' ? 'Reconciling' : is === 'Stalled' ? 'Stalled' : undefined
  for (const type of ['Reconciling', 'Stalled']) {
    if (type !== transient) conditions = removeCondition(conditions, type)
  }
  if (transient) set({ type: transient, status: 'True', reason, message })
  // For good: nobody else knows of it when the machine's object is gone.
  if (step?.do === 'LetMachineGo') set({ type: 'Abandoned', status: 'True', ...step.because })
  return withSuspension(conditions, session, now)
}

/** Unknown while the first way to a machine is open; False once something is known to be in it. */
function readiness({ session }: Seen, { is, phase }: Standing): ConditionChange['status'] {
  if (is === 'Settled') return 'True'
  if (is === 'Stalled' || phase === 'Ending' || session.status?.readyAt !== undefined) return 'False'
  return 'Unknown'
}

/** True exactly while an interval is open: what is billed and what is said are one thing. */
function playability({ since }: Billing, { reason }: Standing): Omit<ConditionChange, 'type'> {
  if (since === undefined) return { status: 'False', reason, message: 'It cannot be played now; nothing is billed.' }
  return { status: 'True', reason: 'StreamAnswers', message: 'Azure runs the machine and its stream server answers.' }
}

/** A status that names nothing is a status without the field. */
function put<Key extends keyof GameSessionStatus>(
  status: GameSessionStatus,
  key: Key,
  value: GameSessionStatus[Key] | undefined,
): void {
  if (value !== undefined) status[key] = value
}
