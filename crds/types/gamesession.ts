// Made from crds/wasd.cloud_gamesessions.yaml by `npm run generate`. Do not edit.
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'

export interface GameSessionBody {
  spec: GameSessionSpec
  status: GameSessionStatus
}
/**
 * What the player wants. The operator never changes it.
 */
export interface GameSessionSpec {
  /**
   * Whom the session belongs to. One player plays one session at a time. Immutable.
   */
  player: string
  /**
   * A key of the catalogue's games. Immutable.
   */
  game: string
  /**
   * A key of the catalogue's tiers, which says the machine sizes and the price. Immutable.
   */
  tier: string
  /**
   * Azure regions in order of preference, by their short names (centralindia). Naming several is consent to be moved from one to another.
   *
   * Items: An Azure region's short name.
   */
  regions: string[]
  /**
   * Which of Azure's capacity may be used, and at what price.
   */
  capacity: {
    /**
     * SpotFirst takes spot capacity where there is some and on-demand otherwise. SpotOnly waits for spot. OnDemandOnly never uses spot.
     */
    preference: 'SpotFirst' | 'SpotOnly' | 'OnDemandOnly'
    /**
     * The most that Azure may charge for the machine, in US dollars per hour, as a decimal string such as "0.95". A placement whose price is higher or unknown is not taken. Absent means no cap.
     */
    maxHourlyPriceUsd?: string
  }
  /**
   * What Moonlight is to ask for.
   */
  stream: {
    /**
     * Width and height of the picture, in pixels.
     */
    resolution: '1280x720' | '1920x1080' | '2560x1440' | '3840x2160'
    /**
     * Frames per second.
     */
    fps: 30 | 60 | 90 | 120
    /**
     * Bitrate of the video in kilobits per second.
     */
    bitrateKbps: number
  }
  /**
   * The addresses that may reach the stream, as CIDR blocks. Absent means any; the operator's own probes are always let in.
   *
   * Items: An IPv4 or IPv6 block such as 203.0.113.7/32.
   */
  clientCIDRs?: string[]
  /**
   * Running plays. Paused stops the machine and keeps its disks. Ended gives all of it up and is final. The annotation wasd.cloud/end ends the session as well, whatever stands here, and wasd.cloud/pause pauses it.
   */
  desiredState: 'Running' | 'Paused' | 'Ended'
  /**
   * Seconds of play that are paid for, over the whole session. The operator ends the session a short grace after they are played. Once set it only grows. Absent means not metered.
   */
  paidSeconds?: number
  /**
   * Seconds that a session stays up without a connected client. 0 means for ever.
   */
  disconnectGraceSeconds: number
  /**
   * Seconds without input after which a session with a connected client ends. 0 means never.
   */
  idleTimeoutSeconds: number
  /**
   * Seconds of play after which the session ends whatever is paid. Absent means no limit.
   */
  maxDurationSeconds?: number
  /**
   * Seconds after which a session that has ended or failed is deleted. Absent means never, so that a session kept in Git does not rise again.
   */
  ttlSecondsAfterFinished?: number
}
/**
 * What came of it, as the operator last saw it.
 */
export interface GameSessionStatus {
  /**
   * The generation of the spec that this status speaks of.
   */
  observedGeneration?: number
  /**
   * Where the session stands, in one word. Pending waits for capacity; Provisioning has Azure create the machine; Starting waits for the stream to answer; Running is playable; Recovering lost its machine and gets another; Paused keeps its disks; Ending gives the machine back; Ended and Failed are over.
   */
  phase?: 'Pending' | 'Provisioning' | 'Starting' | 'Running' | 'Recovering' | 'Paused' | 'Ending' | 'Ended' | 'Failed'
  /**
   * Ready says that what the spec asks for holds. Playable says that Azure runs the machine and the stream answers. Reconciling and Stalled are present only while true.
   *
   * Items: One aspect of the state.
   */
  conditions?: {
    /**
     * The aspect.
     */
    type: string
    /**
     * True, False or Unknown.
     */
    status: 'True' | 'False' | 'Unknown'
    /**
     * Why in one stable word.
     */
    reason: string
    /**
     * Why in a sentence for a person.
     */
    message: string
    /**
     * When the status last changed.
     */
    lastTransitionTime: string
    /**
     * The generation of the spec that it speaks of.
     */
    observedGeneration?: number
  }[]
  /**
   * The GpuVm that carries the session now.
   */
  vm?: {
    /**
     * The GpuVm's name in the same namespace.
     */
    name: string
    /**
     * The GpuVm's UID.
     */
    uid?: string
  }
  /**
   * Where Moonlight connects. Kept through an eviction.
   */
  endpoint?: {
    /**
     * The address to enter in Moonlight.
     */
    host: string
    /**
     * Sunshine's ports, all derived from its base port.
     */
    ports?: {
      /**
       * Pairing and launch over TLS (TCP).
       */
      https?: number
      /**
       * Server information (TCP).
       */
      http?: number
      /**
       * Session setup (TCP).
       */
      rtsp?: number
      /**
       * Video (UDP).
       */
      video?: number
      /**
       * Input (UDP).
       */
      control?: number
      /**
       * Audio (UDP).
       */
      audio?: number
    }
  }
  /**
   * What the operator chose.
   */
  placement?: {
    /**
     * The Azure region.
     */
    region: string
    /**
     * The availability zone of the region. Absent where none was asked for.
     */
    zone?: '1' | '2' | '3'
    /**
     * The Azure VM size, such as Standard_NV12ads_A10_v5.
     */
    size: string
    /**
     * What the machine runs on now. Absent once the session has ended.
     */
    capacityType?: 'Spot' | 'OnDemand'
    /**
     * Azure's price in US dollars per hour, where it is known.
     */
    hourlyPriceUsd?: string
  }
  /**
   * How often Azure took the machine back.
   */
  evictions?: number
  /**
   * When the session could first be played.
   */
  readyAt?: string
  /**
   * When Azure confirmed that the machine is gone.
   */
  endedAt?: string
  /**
   * Why the session ends. Written when that is decided, never changed.
   */
  endReason?:
    | 'PlayerEnded'
    | 'PaidTimeUsed'
    | 'PauseRefused'
    | 'MaxDurationReached'
    | 'Idle'
    | 'Disconnected'
    | 'Deleted'
    | 'Unrecoverable'
    | 'InvalidSpec'
  /**
   * The last few times that play was interrupted through no wish of the player. None of it is billed.
   *
   * Items: One interruption.
   */
  interruptions?: {
    /**
     * What happened. MachineChanged: somebody gave the machine another size, zone or priority, for which it is rebuilt.
     */
    cause: 'Evicted' | 'StreamLost' | 'MachineStopped' | 'MachineLost' | 'MachineChanged'
    /**
     * The last moment that was playable.
     */
    since: string
    /**
     * How long it lasted. Absent while it lasts.
     */
    seconds?: number
  }[]
  /**
   * The time in which the player could play; nothing else is counted.
   */
  billing?: {
    /**
     * Whole seconds in closed intervals. Never falls. Of a metered session never more than its paid seconds and the grace, however late its end was seen.
     */
    seconds?: number
    /**
     * The start of the open interval. Absent while none is open.
     */
    since?: string
    /**
     * True once nothing will be added. Written on entering Ending.
     */
    final?: boolean
  }
  /**
   * When the paid seconds will have been played, while an interval is open.
   */
  paidUntil?: string
}

export interface GameSession extends KubernetesObject {
  apiVersion: 'wasd.cloud/v1alpha1'
  kind: 'GameSession'
  spec: GameSessionSpec
  /** Absent until the operator has seen the object. */
  status?: GameSessionStatus
}

export const gameSessions = defineResource<GameSession>({
  group: 'wasd.cloud',
  version: 'v1alpha1',
  plural: 'gamesessions',
  kind: 'GameSession',
  namespaced: true,
})
