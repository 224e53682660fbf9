import { expect, test } from 'vitest'
import type { GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import {
  bare,
  type Different,
  evicted,
  networkInterface,
  playing,
  publicIPAddress,
  refusedBy,
  sight,
  statusAfter,
  virtualMachine,
} from './sights.fixture.ts'

const another = '0f0e0d0c-0000-4000-8000-000000000001'
const by = (code: string, step: string) => ({ ...refusedBy(code, `${step} is not had.`), step })
const standing = { publicIPAddress, networkInterface }
const deallocated = virtualMachine({ powerState: 'Deallocated' })
const clientCIDRs = ['203.0.113.7/32']

test.each<{ title: string; seen: Different; phase: GpuVmStatus['phase']; ready: string; told: RegExp }>([
  {
    title: 'tags and rules',
    seen: {
      spec: { clientCIDRs },
      status: {
        ...playing,
        adoptedFrom: another,
        lastError: by('RequestDisallowedByPolicy', 'PutNetworkSecurityGroup'),
        otherError: by('ScopeLocked', 'Retag'),
      },
      observed: { ...standing, virtualMachine: virtualMachine({ ownerUid: another }) },
    },
    phase: 'Running',
    ready: 'RequestDisallowedByPolicy',
    told: /^Azure refuses what its network is to be.* PutNetworkSecurityGroup .* Azure refuses its new tags.* Retag /,
  },
  {
    title: 'a start and rules',
    seen: {
      spec: { clientCIDRs },
      status: {
        ...playing,
        powerState: 'Deallocated',
        lastError: by('AuthorizationFailed', 'StartVirtualMachine'),
        otherError: by('RequestDisallowedByPolicy', 'PutNetworkSecurityGroup'),
      },
      observed: { ...standing, virtualMachine: deallocated },
    },
    phase: 'Failed',
    ready: 'AuthorizationFailed',
    told: /^StartVirtualMachine .* Azure refuses what its network is to be.* PutNetworkSecurityGroup /,
  },
  {
    title: 'the removal of the machine before, and the creation of this one',
    seen: {
      status: {
        ...evicted,
        lastError: by('ImageNotFound', 'CreateVirtualMachine'),
        otherError: by('ScopeLocked', 'DeleteVirtualMachine'),
      },
      observed: { ...bare, predecessor: deallocated },
    },
    phase: 'Failed',
    ready: 'ScopeLocked',
    told: /^DeleteVirtualMachine .* CreateVirtualMachine /,
  },
])('all that is refused is told, the worst first: $title', ({ seen, phase, ready, told }) => {
  const status = statusAfter(sight(seen))
  expect(status.phase).toBe(phase)
  expect(condition(status.conditions, 'Stalled')).toMatchObject({
    reason: ready,
    message: expect.stringMatching(told),
  })
  expect(condition(status.conditions, 'Ready')).toMatchObject({ status: 'False', reason: ready })
})

test('what Azure has too little of for the rules of a machine that runs is no want of a place for the machine', () => {
  const seen = sight({
    spec: { clientCIDRs },
    status: { ...playing, lastError: by('SubnetIsFull', 'PutNetworkInterface') },
    observed: {
      ...standing,
      networkSecurityGroup: {
        id: 'nsg',
        ownerUid: undefined,
        clientCIDRs,
        probeCIDRs: ['203.0.113.10/32'],
        provisioningState: 'Succeeded',
      },
    },
  })
  const { phase, conditions } = statusAfter(seen)
  expect(phase).toBe('Running')
  expect(condition(conditions, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'SubnetIsFull' })
  expect(condition(conditions, 'Stalled')).toBeUndefined()
})
