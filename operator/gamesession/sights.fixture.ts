// Sights for the pure tests: a small catalogue, a session, its machine, and what a pass sees of them.
import { type Catalogue, parseCatalogue } from '../../crds/catalogue.ts'
import type { GameSession, GameSessionSpec, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm, GpuVmSpec, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { rank } from '../capacity/rank.ts'
import type { Place, Ruling } from '../capacity/refusals.ts'
import { billingNow } from './billing.ts'
import { decide, FINALIZER, type Observed, type Seen, type Verdict } from './decision.ts'
import { refusalOf } from './machine.ts'
import { phases } from './phases.ts'
import { statusOf } from './status.ts'
import { wishOf } from './wish.ts'

const ids = '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/play/providers'
const region = (title: string) => `
    title: ${title}
    subscriptionId: 00000000-0000-4000-8000-000000000001
    resourceGroup: play
    subnetId: ${ids}/Microsoft.Network/virtualNetworks/play/subnets/vms
    probeCIDRs: [192.0.2.0/24]`

export const catalogue: Catalogue = parseCatalogue(`
games:
  quake: { title: Quake, image: windows, tiers: [small, large] }
  doom: { title: Doom, image: windows, tiers: [small] }
tiers:
  small: { title: Small, pricePaisePerHour: 4500, sizes: [Standard_A, Standard_B, Standard_V] }
  large: { title: Large, pricePaisePerHour: 9000, sizes: [Standard_C] }
sizes:
  Standard_A: { driverClass: grid, family: f, vcpus: 6 }
  Standard_B: { driverClass: grid, family: f, vcpus: 12 }
  Standard_C: { driverClass: grid, family: f, vcpus: 36 }
  Standard_V: { driverClass: amd, family: g, vcpus: 8 }
images:
  windows:
    id: ${ids}/Microsoft.Compute/galleries/g/images/i/versions/1.0.0
    osType: Windows
    driverClass: grid
    licenseType: Windows_Client
regions:
  centralindia: ${region('Pune')}
  westeurope: ${region('Netherlands')}
  northeurope: ${region('Dublin')}
    zones: ['1', '2', '3']
`)

/** Seconds after the evening's beginning, as Kubernetes and we write times. */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 10, 24, 18, 0, 0) + seconds * 1000).toISOString()
}

export interface SessionFixture {
  name?: string
  spec?: Partial<GameSessionSpec>
  status?: GameSessionStatus
  metadata?: Partial<GameSession['metadata']>
}

export function sessionOf({ name = 'evening', spec, status, metadata }: SessionFixture = {}): GameSession {
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GameSession',
    metadata: {
      namespace: 'play',
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: at(0),
      finalizers: [FINALIZER],
      ...metadata,
    },
    spec: {
      player: 'ada',
      game: 'quake',
      tier: 'small',
      regions: ['centralindia'],
      capacity: { preference: 'SpotFirst' },
      stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 },
      desiredState: 'Running',
      disconnectGraceSeconds: 1800,
      idleTimeoutSeconds: 3600,
      ...spec,
    },
    ...(status && { status }),
  }
}

export interface MachineFixture {
  /** Playable since then. */
  playingSince?: string
  spec?: Partial<GpuVmSpec>
  status?: GpuVmStatus
  metadata?: Partial<GpuVm['metadata']>
}

export function machineFor({ playingSince, spec, status, metadata }: MachineFixture = {}): GpuVm {
  const playing: GpuVmStatus =
    playingSince === undefined
      ? {}
      : {
          phase: 'Running',
          powerState: 'Running',
          publicIP: '127.64.0.7',
          priority: 'Spot',
          size: 'Standard_A',
          stream: { answering: true, since: playingSince },
          conditions: [conditionOf('Ready', 'True', 'Running'), conditionOf('Playable', 'True', 'StreamAnswers')],
        }
  return {
    apiVersion: 'wasd.cloud/v1alpha1',
    kind: 'GpuVm',
    metadata: {
      namespace: 'play',
      name: 'evening-centralindia',
      uid: 'uid-machine',
      resourceVersion: '1',
      generation: 1,
      creationTimestamp: at(0),
      ...metadata,
    },
    spec: {
      region: 'centralindia',
      size: 'Standard_A',
      priority: 'Spot',
      onEviction: 'Regular',
      powerState: 'Running',
      image: 'windows',
      disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' } },
      ...spec,
    },
    status: {
      observedGeneration: 1,
      incarnation: { number: 1, priority: 'Spot', specPriority: 'Spot', reason: 'Created' },
      ...playing,
      ...status,
    },
  }
}

export function conditionOf(type: string, status: 'True' | 'False' | 'Unknown', reason: string, when = at(0)) {
  return { type, status, reason, message: `${reason}.`, lastTransitionTime: when }
}

/** What a GpuVm shows whose place Azure refuses. */
export function refusedBy(code: string, when = at(0)): GpuVmStatus {
  return {
    phase: 'Waiting',
    powerState: 'Absent',
    lastError: { code, message: 'None left.', retryable: true, at: when },
    conditions: [
      conditionOf('Ready', 'False', 'CapacityRefused'),
      conditionOf('Playable', 'False', 'MachineNotRunning'),
    ],
  }
}

/** What a machine shows that Azure runs on and refuses to stop, or to take back. */
export function stuckOn(code: string, when = at(0)): GpuVmStatus {
  return {
    phase: 'Failed',
    powerState: 'Running',
    lastError: { code, message: 'No.', retryable: false, at: when, since: when },
    conditions: [
      conditionOf('Ready', 'False', code, when),
      conditionOf('Playable', 'True', 'StreamAnswers'),
      conditionOf('Stalled', 'True', code, when),
    ],
  }
}

export interface SightFixture {
  session?: GameSession
  machines?: GpuVm[]
  observed?: Partial<Observed>
  now?: string
  priceOf?: (place: Place) => number | undefined
  rulingOn?: (place: Place) => Ruling | undefined
}

export function sight(given: SightFixture = {}): Seen {
  const { session = sessionOf(), machines = [], now: time = at(0) } = given
  const { priceOf = () => undefined, rulingOn = () => undefined } = given
  const [machine] = machines
  const now = new Date(time)
  const { wish } = wishOf(session, catalogue)
  const isPlayConfirmed = given.observed?.isPlayConfirmed ?? true
  const settings = { paidGraceSeconds: 120 }
  return {
    session,
    observed: {
      machines,
      heldIn: undefined,
      isMachineGone: machines.length === 0,
      isPlayConfirmed,
      rivals: [],
      notAdmitted: undefined,
      takenNames: [],
      inherited: [],
      ranking: wish && (!machine || refusalOf(machine)) ? rank(wish, { priceOf, rulingOn }) : undefined,
      againstStart: undefined,
      hourlyPriceUsd: undefined,
      ...given.observed,
    },
    billing: billingNow({ session, machine, isPlayConfirmed, now, settings }),
    now,
    settings,
    catalogue,
  }
}

/** One pass without its I/O: what is decided, and what is written. */
export function pass(given: SightFixture): { verdict: Verdict; status: GameSessionStatus } {
  const seen = sight(given)
  const verdict = decide(phases, seen)
  return { verdict, status: statusOf(seen, verdict) }
}

/** The status after `given`, on a session that goes on from there. */
export function next(given: SightFixture): GameSession {
  const { session = sessionOf() } = given
  return { ...session, status: pass(given).status }
}
