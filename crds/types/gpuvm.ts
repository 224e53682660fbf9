// Made from crds/wasd.cloud_gpuvms.yaml by `npm run generate`. Do not edit.
import { defineResource, type KubernetesObject } from '../../lib/kube/resource.ts'

export interface GpuVmBody {
  spec: GpuVmSpec
  status: GpuVmStatus
}
/**
 * What Azure shall hold.
 */
export interface GpuVmSpec {
  /**
   * A region of the catalogue, by Azure's short name. Immutable.
   */
  region: string
  /**
   * The availability zone that the machine stands in. Absent, Azure chooses, and address and disks belong to no zone. Set, the address is zone-redundant, and the zone may change where all disks are zone-redundant too (..._ZRS): the machine is rebuilt there from the same disks.
   */
  zone?: '1' | '2' | '3'
  /**
   * The Azure VM size, such as Standard_NV12ads_A10_v5.
   */
  size: string
  /**
   * Spot is cheaper and may be evicted. Regular is on-demand.
   */
  priority: 'Spot' | 'Regular'
  /**
   * What follows an eviction. Regular moves onto on-demand capacity; Wait waits for spot.
   */
  onEviction: 'Regular' | 'Wait'
  /**
   * Running, or Deallocated with everything kept.
   */
  powerState: 'Running' | 'Deallocated'
  /**
   * A key of the catalogue's images. Immutable, because the OS disk was made from it.
   */
  image: string
  /**
   * The machine's disks. All of them are kept through an eviction.
   */
  disks: {
    /**
     * The OS disk, made from the image, or as a copy of another. Immutable once made.
     */
    os: {
      /**
       * The Azure id of a managed disk, in any region, that the OS disk is made a copy of in place of the image: so a session moves to another region with its saves. Taken only while no machine runs on that disk, and only of a disk of the same player and installation. Immutable.
       */
      copyOf?: string
      /**
       * Size in GiB.
       */
      sizeGiB: number
      /**
       * Azure's disk type.
       */
      sku: 'Standard_LRS' | 'StandardSSD_LRS' | 'StandardSSD_ZRS' | 'Premium_LRS' | 'Premium_ZRS'
    }
    /**
     * Data disks, empty when first made. Immutable.
     *
     * Items: One data disk.
     */
    data?: {
      /**
       * A short name; part of the disk's name in Azure.
       */
      name: string
      /**
       * The logical unit number at which the guest finds it.
       */
      lun: number
      /**
       * Size in GiB.
       */
      sizeGiB: number
      /**
       * Azure's disk type.
       */
      sku: 'Standard_LRS' | 'StandardSSD_LRS' | 'StandardSSD_ZRS' | 'Premium_LRS' | 'Premium_ZRS'
    }[]
  }
  /**
   * The addresses that may reach the stream, as CIDR blocks. Set, the machine gets a network security group of its own, which is ANDed with the subnet's. Absent, the subnet's alone decides.
   *
   * Items: An IPv4 or IPv6 block such as 203.0.113.7/32.
   */
  clientCIDRs?: string[]
  /**
   * A Secret in the same namespace with what the guest needs at boot. Absent, the operator makes an empty one under the GpuVm's name. Immutable.
   */
  bootstrapSecretName?: string
}
/**
 * What Azure holds, as the operator last saw it.
 */
export interface GpuVmStatus {
  /**
   * The generation of the spec that this status speaks of.
   */
  observedGeneration?: number
  /**
   * Where the machine stands, in one word. Pending has nothing in Azure yet; Creating and Starting are under way; Running runs; Evicted was taken back and is being replaced; Waiting waits for capacity; Deallocating and Deallocated keep the disks; Deleting gives all back; Failed is held up until a person acts. A machine that is refused its tags or its rules alone runs, or rests, beside Stalled.
   */
  phase?:
    | 'Pending'
    | 'Creating'
    | 'Starting'
    | 'Running'
    | 'Evicted'
    | 'Waiting'
    | 'Deallocating'
    | 'Deallocated'
    | 'Deleting'
    | 'Failed'
  /**
   * Ready says that Azure holds what the spec asks for. Playable says that Azure runs the machine and the stream answers. Reconciling and Stalled are present only while true.
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
   * Azure resource ids of what was made for this object.
   */
  resources?: {
    /**
     * The VM of this incarnation.
     */
    virtualMachine?: string
    /**
     * The network interface.
     */
    networkInterface?: string
    /**
     * The public address.
     */
    publicIPAddress?: string
    /**
     * The machine's own network security group, where clientCIDRs are set.
     */
    networkSecurityGroup?: string
    /**
     * The OS disk.
     */
    osDisk?: string
    /**
     * The data disks, in the order of the spec.
     *
     * Items: A data disk's id.
     */
    dataDisks?: string[]
  }
  /**
   * The VM that is meant now. Raised before an old VM is deleted, so that a late delete cannot hit its successor.
   */
  incarnation?: {
    /**
     * Part of the VM's name in Azure.
     */
    number: number
    /**
     * The priority that it is made with.
     */
    priority: 'Spot' | 'Regular'
    /**
     * The spec's priority that it was decided under.
     */
    specPriority: 'Spot' | 'Regular'
    /**
     * Why this incarnation was begun.
     */
    reason:
      | 'Created'
      | 'Evicted'
      | 'CapacityRefused'
      | 'PriorityChanged'
      | 'SizeChanged'
      | 'ZoneChanged'
      | 'CreateFailed'
      | 'MachineLost'
      | 'Restarted'
      | 'Adopted'
    /**
     * When it was begun.
     */
    since?: string
  }
  /**
   * The long-running operation under way, as the SDK's poller resumes it.
   */
  operation?: {
    /**
     * What was asked of Azure.
     */
    kind: 'Create' | 'Start' | 'Redeploy' | 'Deallocate' | 'Delete' | 'Resize'
    /**
     * The resource's id.
     */
    resource: string
    /**
     * The incarnation that it belongs to.
     */
    incarnation?: number
    /**
     * The serialised poller. Absent where the reply was lost: then only a GET decides.
     */
    poller?: string
    /**
     * When it was begun.
     */
    since: string
  }
  /**
   * Azure's power state of the VM. Unknown when Azure did not say.
   */
  powerState?: 'Starting' | 'Running' | 'Stopping' | 'Stopped' | 'Deallocating' | 'Deallocated' | 'Absent' | 'Unknown'
  /**
   * What really runs.
   */
  priority?: 'Spot' | 'Regular'
  /**
   * The size that really runs.
   */
  size?: string
  /**
   * The availability zone that it stands in. Absent where it stands in none.
   */
  zone?: '1' | '2' | '3'
  /**
   * Azure's unique id of the VM.
   */
  vmId?: string
  /**
   * The machine's address, kept until the object is deleted.
   */
  publicIP?: string
  /**
   * The address's DNS name, where it has one.
   */
  fqdn?: string
  /**
   * When Azure last took the machine back.
   */
  evictedAt?: string
  /**
   * How often Azure took it back.
   */
  evictions?: number
  /**
   * The UID that the names in Azure derive from, where the object was restored under a new one. Absent, they derive from its own.
   */
  adoptedFrom?: string
  /**
   * Azure's time of the last operation on the VM that somebody had asked for when it was last seen running. One that is deallocated after a later one was stopped by a person or a policy, not evicted.
   */
  provisionedAt?: string
  /**
   * When the machine was last moved to another host, because Azure called its own sick.
   */
  redeployedAt?: string
  /**
   * Whether the stream server answers, by the operator's own probe. Written on transitions only.
   */
  stream?: {
    /**
     * Whether it answers.
     */
    answering: boolean
    /**
     * The first answer of the present stretch.
     */
    since?: string
    /**
     * The last answer of the newest stretch that has ended. Absent until one has.
     */
    lastAnsweredAt?: string
  }
  /**
   * Azure's last refusal. Absent once something has succeeded after it.
   */
  lastError?: {
    /**
     * Azure's error code.
     */
    code: string
    /**
     * Azure's words, and what to do.
     */
    message: string
    /**
     * Whether the operator tries again by itself.
     */
    retryable: boolean
    /**
     * What was refused, at once or late: PutNetworkInterface, DeleteVirtualMachine.
     */
    step?: string
    /**
     * When it was received.
     */
    at?: string
    /**
     * Since when Azure answers with this code, or one like it, and nothing else.
     */
    since?: string
  }
  /**
   * What stands refused beside lastError: the removal of a machine that came before, or of a snapshot, or the rules about who may reach a machine that stands, or its new tags. Absent where lastError is all.
   */
  otherError?: {
    /**
     * Azure's error code.
     */
    code: string
    /**
     * Azure's words, and what to do.
     */
    message: string
    /**
     * Whether the operator tries again by itself.
     */
    retryable: boolean
    /**
     * What was refused, at once or late: PutNetworkInterface, DeleteVirtualMachine.
     */
    step?: string
    /**
     * When it was received.
     */
    at?: string
    /**
     * Since when Azure answers with this code, or one like it, and nothing else.
     */
    since?: string
  }
  /**
   * What the guest agent of this incarnation last reported. Transitions only.
   */
  guest?: {
    /**
     * The incarnation that reported.
     */
    incarnation?: number
    /**
     * Whether a client is connected.
     */
    connected?: boolean
    /**
     * The last input. Absent while there is input.
     */
    idleSince?: string
    /**
     * When Azure says that it takes the machine back.
     */
    preemptAt?: string
    /**
     * What Azure has announced to the machine that is no eviction. It stands still or restarts for a while, and stays where it is or is moved; nothing has to be done but to wait.
     */
    maintenance?: {
      /**
       * Azure's word for it.
       */
      event: 'Freeze' | 'Reboot' | 'Redeploy'
      /**
       * When it begins at the earliest.
       */
      notBefore: string
    }
    /**
     * When the last transition was reported.
     */
    reportedAt?: string
  }
}

export interface GpuVm extends KubernetesObject {
  apiVersion: 'wasd.cloud/v1alpha1'
  kind: 'GpuVm'
  spec: GpuVmSpec
  /** Absent until the operator has seen the object. */
  status?: GpuVmStatus
}

export const gpuVms = defineResource<GpuVm>({
  group: 'wasd.cloud',
  version: 'v1alpha1',
  plural: 'gpuvms',
  kind: 'GpuVm',
  namespaced: true,
})
