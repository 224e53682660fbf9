// One object of each kind with every field that its schema knows: what a trial changes one field of.
import type { GameSession, GameSessionSpec, GameSessionStatus } from '../../crds/types/gamesession.ts'
import type { GpuVm, GpuVmSpec, GpuVmStatus } from '../../crds/types/gpuvm.ts'

const at = '2026-11-26T18:00:00Z'
const condition = {
  type: 'Ready',
  status: 'True',
  reason: 'Running',
  message: 'The game can be played.',
  lastTransitionTime: at,
  observedGeneration: 1,
} as const

/** With every field that may be left out: one that a schema gains must get an example, or this does not compile. */
type Whole<Value> = Value extends readonly (infer Item)[]
  ? Whole<Item>[]
  : Value extends object
    ? { [Key in keyof Value]-?: Whole<Value[Key]> }
    : Value

const session: GameSession & { spec: Whole<GameSessionSpec>; status: Whole<GameSessionStatus> } = {
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GameSession',
  metadata: { name: 'example', namespace: 'default' },
  spec: {
    player: 'asha',
    game: 'neon-rally',
    tier: 'standard',
    regions: ['centralindia'],
    capacity: { preference: 'SpotFirst', maxHourlyPriceUsd: '0.95' },
    stream: { resolution: '1920x1080', fps: 60, bitrateKbps: 20_000 },
    clientCIDRs: ['203.0.113.7/32'],
    desiredState: 'Running',
    paidSeconds: 600,
    disconnectGraceSeconds: 1800,
    idleTimeoutSeconds: 3600,
    maxDurationSeconds: 7200,
    ttlSecondsAfterFinished: 3600,
  },
  status: {
    observedGeneration: 1,
    phase: 'Running',
    conditions: [condition],
    vm: { name: 'example-centralindia', uid: 'a9a2d38f-5ff6-4a55-9f0c-0d4bb0a3a001' },
    endpoint: {
      host: '203.0.113.9',
      ports: { https: 47_984, http: 47_989, rtsp: 48_010, video: 47_998, control: 47_999, audio: 48_000 },
    },
    placement: {
      region: 'centralindia',
      zone: '1',
      size: 'Standard_NC4as_T4_v3',
      capacityType: 'Spot',
      hourlyPriceUsd: '0.21',
    },
    evictions: 1,
    readyAt: at,
    endedAt: at,
    endReason: 'PlayerEnded',
    interruptions: [{ cause: 'Evicted', since: at, seconds: 60 }],
    billing: { seconds: 60, since: at, final: false },
    paidUntil: at,
  },
}

const id = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d'
const machine: GpuVm & { spec: Whole<GpuVmSpec>; status: Whole<GpuVmStatus> } = {
  apiVersion: 'wasd.cloud/v1alpha1',
  kind: 'GpuVm',
  metadata: { name: 'example', namespace: 'default' },
  spec: {
    region: 'centralindia',
    zone: '1',
    size: 'Standard_NC4as_T4_v3',
    priority: 'Spot',
    onEviction: 'Regular',
    powerState: 'Running',
    image: 'linux-nvidia',
    disks: {
      os: { copyOf: id, sizeGiB: 128, sku: 'StandardSSD_LRS' },
      data: [{ name: 'saves', lun: 0, sizeGiB: 32, sku: 'StandardSSD_LRS' }],
    },
    clientCIDRs: ['203.0.113.7/32'],
    bootstrapSecretName: 'example',
  },
  status: {
    observedGeneration: 1,
    phase: 'Running',
    conditions: [condition],
    resources: {
      virtualMachine: id,
      networkInterface: id,
      publicIPAddress: id,
      networkSecurityGroup: id,
      osDisk: id,
      dataDisks: [id],
    },
    incarnation: { number: 1, priority: 'Spot', specPriority: 'Spot', reason: 'Created', since: at },
    operation: { kind: 'Create', resource: id, incarnation: 1, poller: '{}', since: at },
    powerState: 'Running',
    priority: 'Spot',
    size: 'Standard_NC4as_T4_v3',
    zone: '1',
    vmId: 'a9a2d38f-5ff6-4a55-9f0c-0d4bb0a3a002',
    publicIP: '203.0.113.9',
    fqdn: 'example.centralindia.cloudapp.azure.com',
    evictedAt: at,
    adoptedFrom: 'a9a2d38f-5ff6-4a55-9f0c-0d4bb0a3a003',
    provisionedAt: at,
    redeployedAt: at,
    evictions: 1,
    stream: { answering: true, since: at, lastAnsweredAt: at },
    lastError: {
      code: 'SkuNotAvailable',
      message: 'There is none.',
      retryable: true,
      step: 'CreateVirtualMachine',
      at,
      since: at,
    },
    otherError: {
      code: 'AnotherOperationInProgress',
      message: 'It is busy.',
      retryable: true,
      step: 'DeleteVirtualMachine',
      at,
      since: at,
    },
    guest: {
      maintenance: { event: 'Reboot', notBefore: at },
      incarnation: 1,
      connected: true,
      idleSince: at,
      preemptAt: at,
      reportedAt: at,
    },
  },
}

export const examples = { GameSession: session, GpuVm: machine }

/** As many different items of a list as are asked for. */
export const items: Record<string, (index: number) => unknown> = {
  'spec.regions': index => `region${index}`,
  'spec.clientCIDRs': index => `10.0.0.${index}/32`,
  'spec.disks.data': index => ({ name: `data-${index}`, lun: index, sizeGiB: 32 }),
  'status.conditions': index => ({ ...condition, type: `Type${index}` }),
  'status.interruptions': index => ({ cause: 'Evicted', since: at, seconds: index }),
  'status.resources.dataDisks': index => `${id}${index}`,
}
