// What a pass sees, and what it may decide. Phases are pure: the same sight gives the same verdict.
import type { CatalogueImage, CatalogueRegion } from '../../crds/catalogue.ts'
import type { GpuVm, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import type {
  DiskSeen,
  NetworkInterfaceSeen,
  NetworkSecurityGroupSeen,
  OperationState,
  Place,
  Priority,
  PublicIPAddressSeen,
  SnapshotSeen,
  SourceDiskSeen,
  VirtualMachineSeen,
} from '../azure/provider.ts'
import type { Noted } from './annotations.ts'

/** On a GpuVm: whose it is. What was held for one player is never given to another. */
export const PLAYER_LABEL = 'wasd.cloud/player'

export type Incarnation = NonNullable<GpuVmStatus['incarnation']>
export type Operation = NonNullable<GpuVmStatus['operation']>
export type LastError = NonNullable<GpuVmStatus['lastError']>

/** What live reads of Azure showed in this pass. Absent is `undefined`; unreachable has thrown. */
export interface Observed {
  /**
   * `Whole`: all that decisions hang on was read. `Operation`: one runs, and nothing else was asked. `None`: Azure
   * could not be asked, and what is on record stands.
   */
  sight: 'Whole' | 'Operation' | 'None'
  /** The VM of the present incarnation. */
  virtualMachine: VirtualMachineSeen | undefined
  /** The VM of the incarnation before, for as long as it exists. */
  predecessor: VirtualMachineSeen | undefined
  publicIPAddress: PublicIPAddressSeen | undefined
  networkInterface: NetworkInterfaceSeen | undefined
  networkSecurityGroup: NetworkSecurityGroupSeen | undefined
  osDisk: DiskSeen | undefined
  /** In the order of the spec; one for each. */
  dataDisks: (DiskSeen | undefined)[]
  /** Of a machine whose OS disk is a copy of another, until its VM stands; else `undefined`. */
  copy: CopySeen | undefined
  /** A bootstrap Secret stands; for an object that is given up, one that was made for it and goes with it. */
  hasBootstrapSecret: boolean
  /** What Azure noted about the VM, asked only while it is a question why it stands still or is silent. */
  noted: Noted
  /** What the object that this one was restored from has left; only of one that has not begun. */
  heritage: Heritage | undefined
  /** The latest of what is no VM's and has failed late (requests.ts). */
  late: LateFailure | undefined
  /** Since when Azure has been at work on what it has been at for longest, the VM's own operation apart. */
  underWaySince: Date | undefined
  /** The operation that the status names, as Azure tells of it; `undefined` when there is none, or no poller of it. */
  operation: OperationState | undefined
}

/** What Azure had accepted and then failed to do. */
export interface LateFailure {
  step: Step['do']
  code: string
  message: string
  at: Date
}

/** On the way of a disk from one region to another. */
export interface CopySeen {
  /** The disk that is copied. */
  source: SourceDiskSeen | undefined
  /** The snapshot of it, where it is. */
  taken: SnapshotSeen | undefined
  /** That snapshot's copy, where the machine is to be. */
  copied: SnapshotSeen | undefined
}

/** What an object finds of its own under another UID. */
export interface Heritage {
  /** From which the resources' names derive. */
  rootUid: string
  /** The VM's number, or the first that no VM has had. */
  number: number
  priority: Priority
  resources: NonNullable<GpuVmStatus['resources']>
}

/** What the operator's own probe knows of the stream server. `answering: undefined` until it is sure. */
export interface StreamSeen {
  answering: boolean | undefined
  /** The first answer of the present stretch, in this process. */
  since: Date | undefined
  lastAnsweredAt: Date | undefined
}

export interface Seen {
  machine: GpuVm
  uid: string
  /** From which its resources' names derive: its own UID, or that of the object it was restored from. */
  rootUid: string
  namespace: string
  /** `undefined` when the catalogue does not know the region. */
  region: CatalogueRegion | undefined
  image: CatalogueImage | undefined
  /** Where this object's resources are, from the catalogue or, once made, from their own ids. */
  place: Place | undefined
  incarnation: Incarnation
  observed: Observed
  stream: StreamSeen
  now: Date
  /** When the catalogue was read that is in force. */
  configuredAt: Date
  settings: GpuVmSettings
  /** Machines of the whole fleet for which Azure is at work. */
  operations: number
}

/** Looks at what Azure is at work on, a second: a third of ARM's 25 reads, of which everything else has to live too. */
const OPERATION_LOOKS_PER_SECOND = 8

/**
 * Seconds until the next look at an operation, when so many are under way: all of them together stay inside the read
 * budget. Azure's list of the fleet shows their end sooner.
 */
export function lookSeconds({ operationPollSeconds }: GpuVmSettings, underWay: number): number {
  return operationPollSeconds * Math.max(1, underWay / OPERATION_LOOKS_PER_SECOND / USUAL_POLL_SECONDS)
}

export interface GpuVmSettings {
  installationId: string
  /** Seconds between looks at a long-running operation. 4 against the real Azure, whose budget allows 15 a minute. */
  operationPollSeconds: number
}

/** One thing to do outside. The next pass sees what came of it. */
export type Step =
  | { do: 'EnsureBootstrapSecret' }
  /** Written to the status; from then on what the object's forerunner held is its own. */
  | { do: 'Adopt'; heritage: Heritage }
  | { do: 'Retag'; resources: TaggedKind[] }
  | { do: 'PutPublicIPAddress' }
  | { do: 'PutNetworkSecurityGroup' }
  | { do: 'PutNetworkInterface' }
  | { do: 'TakeSnapshot' }
  | { do: 'CopySnapshot' }
  | { do: 'PutOsDisk' }
  /** Written to the status before anything is deleted or made. */
  | { do: 'BeginIncarnation'; priority: Priority; reason: Incarnation['reason'] }
  /** An eviction that is waited out with the same VM. */
  | { do: 'RecordEviction' }
  | { do: 'CreateVirtualMachine' }
  | { do: 'StartVirtualMachine' }
  | { do: 'RedeployVirtualMachine' }
  | { do: 'DeallocateVirtualMachine' }
  | { do: 'DeleteVirtualMachine'; incarnation: number }
  | { do: 'DeleteResources'; resources: DeletableResource[] }
  | { do: 'ReleaseObject' }

export type TaggedKind =
  | { kind: 'virtualMachine' | 'networkInterface' | 'publicIPAddress' | 'networkSecurityGroup' | 'osDisk' }
  | { kind: 'dataDisk'; name: string }

export type DeletableResource =
  | { kind: 'networkInterface' | 'publicIPAddress' | 'networkSecurityGroup' | 'osDisk' | 'bootstrapSecret' }
  | { kind: 'takenSnapshot' | 'copiedSnapshot' }
  | { kind: 'dataDisk'; name: string }

/** Why the machine is not what the spec asks for, in one stable word and a sentence. */
export interface Explanation {
  reason: string
  message: string
}

/** What only a person can mend. */
export interface Stall extends Explanation {
  /** What Azure refuses, where it is a refusal. */
  step?: string
}

export interface Verdict {
  step?: Step
  /** Ends the pass here, with or without a step: no later phase has a say. */
  because?: Explanation
  /** A person has to act, and the machine is held up until then. What holds up nothing is told from the record. */
  stalled?: Stall
  requeueAfterSeconds?: number
  /** The step that is not taken, since the object is suspended. */
  held?: Step
}

export type Phase = (seen: Seen) => Verdict

/** The phases in order; the first that has something to say decides, and the earliest look that any asked for stands. */
export function decide(phases: readonly Phase[], seen: Seen): Verdict {
  let earliest: number | undefined
  for (const phase of phases) {
    const verdict = phase(seen)
    if (verdict.step || verdict.because || verdict.stalled) return verdict
    const asked = verdict.requeueAfterSeconds
    if (asked !== undefined) earliest = Math.min(asked, earliest ?? asked)
  }
  return earliest === undefined ? {} : { requeueAfterSeconds: earliest }
}

/**
 * The incarnation that is meant now; before the first status it is the first. A spec that comes to ask for the
 * priority which an eviction brought about is content with it: nothing is rebuilt.
 */
export function incarnationOf(machine: GpuVm, now: Date): Incarnation {
  const { priority } = machine.spec
  const recorded = machine.status?.incarnation
  if (!recorded) return { number: 1, priority, specPriority: priority, reason: 'Created', since: now.toISOString() }
  return recorded.priority === priority ? { ...recorded, specPriority: priority } : recorded
}

/** Azure's polling interval for an operation, which all waits are told in: 4 s (reference: 15 looks a minute). */
export const USUAL_POLL_SECONDS = 4

/** Waits are written down for the real Azure; where time is run faster, they shrink as its operations do. */
export function scaled(seconds: number, { operationPollSeconds }: GpuVmSettings): number {
  return (seconds * operationPollSeconds) / USUAL_POLL_SECONDS
}

/** From which the names of an object's resources derive. */
export function rootUidOf({ metadata, status }: GpuVm): string | undefined {
  return status?.adoptedFrom ?? metadata.uid
}

/** Whether the object is to be given up. */
export function isLeaving(machine: GpuVm): boolean {
  return machine.metadata.deletionTimestamp !== undefined
}

/** As it follows what is asked for in a sentence; nothing where no zone is. */
export function inZone({ zone }: Pick<GpuVm['spec'], 'zone'>): string {
  return zone === undefined ? '' : ` in zone ${zone}`
}

/** What people call what Azure calls a priority. */
export function kindOf(priority: Incarnation['priority']): 'a spot machine' | 'an on-demand machine' {
  return priority === 'Spot' ? 'a spot machine' : 'an on-demand machine'
}
