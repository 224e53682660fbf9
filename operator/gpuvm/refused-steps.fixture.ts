// Everything that is asked of Azure for a machine and that it may refuse, each with the sight in which it is asked for.
import type { DiskSeen, SnapshotSeen } from '../azure/provider.ts'
import type { CopySeen, Operation, Step } from './decision.ts'
import {
  bare,
  type Different,
  empty,
  evicted,
  leaving,
  networkInterface,
  osDisk,
  playing,
  publicIPAddress,
  UID,
  virtualMachine,
  without,
} from './sights.fixture.ts'

export interface Tried {
  step: Step['do']
  seen: Different
  /** What it leaves when it has failed late, where that is another sight. */
  left?: Different
  /** Where it is a VM's, the operation that fails. */
  kind?: Operation['kind']
  /** What begins it anew once it has failed late, where that is not itself. */
  anew?: Step['do']
}

const unmade = without(playing, 'vmId', 'stream')
const guarded = { clientCIDRs: ['203.0.113.7/32'] }
const group = { id: 'nsg', ownerUid: undefined, clientCIDRs: [], probeCIDRs: [], provisioningState: 'Failed' as const }
/** Never played, so that it does not fall back to on-demand. */
const resting = { ...without(playing, 'stream'), powerState: 'Deallocated' as const }
const deallocated = virtualMachine({ powerState: 'Deallocated' })
const another = '0f0e0d0c-0000-4000-8000-000000000001'
const restored = { ...playing, adoptedFrom: another }

const copyOf = '/subscriptions/other/resourceGroups/far/providers/Microsoft.Compute/disks/gvm-home-os'
const source = { id: copyOf, region: 'northeurope', tags: {}, isInUse: false }
const whole: SnapshotSeen = {
  id: 'snapshot',
  ownerUid: UID,
  provisioningState: 'Succeeded',
  completionPercent: 100,
  failure: undefined,
}
const failed: SnapshotSeen = { ...whole, provisioningState: 'Failed' }
const halfWay = { ...whole, completionPercent: 50, failure: { code: 'CopySourceNotFound', message: 'No.' } }

/** A disk on its way from another region. */
function underWay(copy: Partial<CopySeen>, disk?: DiskSeen): Different {
  return {
    status: 'None',
    spec: { disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS', copyOf } } },
    observed: { ...bare, osDisk: disk, copy: { source, taken: undefined, copied: undefined, ...copy } },
  }
}

const making: Tried[] = [
  { step: 'CreateVirtualMachine', seen: { status: unmade, observed: bare }, kind: 'Create' },
  {
    step: 'PutPublicIPAddress',
    seen: {
      status: unmade,
      observed: { ...empty, publicIPAddress: { ...publicIPAddress, provisioningState: 'Failed' } },
    },
  },
  {
    step: 'PutNetworkInterface',
    seen: {
      status: unmade,
      observed: { ...bare, networkInterface: { ...networkInterface, provisioningState: 'Failed' } },
    },
  },
  {
    step: 'PutNetworkSecurityGroup',
    seen: { status: unmade, spec: guarded, observed: { ...bare, networkSecurityGroup: group } },
  },
  {
    step: 'PutNetworkSecurityGroup', // Of a machine that is played on.
    seen: { spec: guarded, observed: { ...bare, virtualMachine: virtualMachine(), networkSecurityGroup: group } },
  },
]

const copying: Tried[] = [
  { step: 'TakeSnapshot', seen: underWay({}), left: underWay({ taken: failed }), anew: 'DeleteResources' },
  {
    step: 'CopySnapshot',
    seen: underWay({ taken: whole }),
    left: underWay({ taken: whole, copied: failed }),
    anew: 'DeleteResources',
  },
  {
    step: 'CopySnapshot', // Its operation ended well, and then it stood still.
    seen: underWay({ taken: whole }),
    left: underWay({ taken: whole, copied: halfWay }),
    anew: 'DeleteResources',
  },
  {
    step: 'PutOsDisk',
    seen: underWay({ copied: whole }),
    left: underWay({ copied: whole }, { ...osDisk, provisioningState: 'Failed' }),
  },
]

const power: Tried[] = [
  { step: 'StartVirtualMachine', seen: { status: resting, observed: { virtualMachine: deallocated } }, kind: 'Start' },
  { step: 'DeallocateVirtualMachine', seen: { spec: { powerState: 'Deallocated' } }, kind: 'Deallocate' },
]

const tagging: Tried[] = [
  {
    step: 'Retag', // Of a machine that is played on.
    seen: { status: restored, observed: { virtualMachine: virtualMachine({ ownerUid: another }) } },
  },
  {
    step: 'Retag', // The same, and it says of itself that it has failed.
    seen: {
      status: restored,
      observed: { virtualMachine: virtualMachine({ ownerUid: another, provisioningState: 'Failed' }) },
    },
  },
  {
    step: 'Retag', // Of one that rests, and says more of why.
    seen: {
      status: { ...restored, powerState: 'Deallocated' },
      spec: { powerState: 'Deallocated' },
      observed: {
        virtualMachine: {
          ...deallocated,
          ownerUid: another,
          provisioningState: 'Failed',
          failure: { code: 'Odd', message: 'Of itself.' },
        },
      },
    },
  },
  {
    step: 'Retag',
    seen: {
      status: restored,
      observed: { ...bare, virtualMachine: virtualMachine(), osDisk: { ...osDisk, ownerUid: another } },
    },
  },
]

const removal: Tried[] = [
  {
    step: 'DeleteVirtualMachine',
    seen: { status: evicted, observed: { ...bare, predecessor: deallocated } },
    kind: 'Delete',
  },
  { step: 'DeleteVirtualMachine', seen: { metadata: leaving }, kind: 'Delete' },
  { step: 'DeleteResources', seen: { metadata: leaving, observed: { ...bare, osDisk } } },
]

export const steps = [...making, ...copying, ...power, ...tagging, ...removal]

/** Once a silence, whatever becomes of it (sickness.ts); refused at once it is asked for again. */
export const redeployment: Tried = {
  step: 'RedeployVirtualMachine',
  kind: 'Redeploy',
  seen: {
    status: {
      ...playing,
      stream: { answering: false, since: '2026-11-24T11:02:00.000Z', lastAnsweredAt: '2026-11-24T11:57:00.000Z' },
    },
    stream: { answering: false, since: undefined, lastAnsweredAt: undefined },
    observed: { virtualMachine: virtualMachine({ agent: 'NotReady' }) },
  },
}
