import { expect, test } from 'vitest'
import { network } from './network.ts'
import {
  bare,
  type Different,
  empty,
  networkInterface,
  playing,
  publicIPAddress,
  region,
  sight,
  without,
} from './sights.fixture.ts'

const unmade = without(playing, 'vmId')
const guarded = { clientCIDRs: ['203.0.113.7/32', '2001:db8::/64'] }
const group = {
  id: 'nsg',
  ownerUid: undefined,
  clientCIDRs: ['2001:db8::/64', '203.0.113.7/32'],
  probeCIDRs: [...region.probeCIDRs],
  provisioningState: 'Succeeded' as const,
}
const nic = (different = {}) => ({ ...networkInterface, ...different })

test.each<{ title: string; seen: Different; step?: string; waits?: boolean }>([
  { title: 'the address first', seen: { observed: empty }, step: 'PutPublicIPAddress' },
  {
    title: 'an address that is being made is waited for',
    seen: { observed: { ...empty, publicIPAddress: { ...publicIPAddress, provisioningState: 'Updating' } } },
    waits: true,
  },
  { title: 'then the interface', seen: { observed: { ...empty, publicIPAddress } }, step: 'PutNetworkInterface' },
  {
    title: 'an interface that is being made is waited for',
    seen: { observed: { ...bare, networkInterface: nic({ provisioningState: 'Updating' }) } },
    waits: true,
  },
  { title: 'all stands', seen: { observed: bare } },
  {
    title: 'what failed is asked for again',
    seen: { observed: { ...bare, networkInterface: nic({ provisioningState: 'Failed' }) } },
    step: 'PutNetworkInterface',
  },
  { title: 'a machine that is to rest needs none', seen: { observed: empty, spec: { powerState: 'Deallocated' } } },
  {
    title: 'clientCIDRs ask for a group of its own, before the interface',
    seen: { observed: { ...empty, publicIPAddress }, spec: guarded },
    step: 'PutNetworkSecurityGroup',
  },
  {
    title: 'which the interface then bears',
    seen: { observed: { ...bare, networkSecurityGroup: group }, spec: guarded },
    step: 'PutNetworkInterface',
  },
  {
    title: 'the order of the blocks is no change',
    seen: {
      observed: { ...bare, networkSecurityGroup: group, networkInterface: nic({ networkSecurityGroupId: 'nsg' }) },
      spec: guarded,
    },
  },
  {
    title: 'changed blocks are',
    seen: {
      observed: { ...bare, networkSecurityGroup: group, networkInterface: nic({ networkSecurityGroupId: 'nsg' }) },
      spec: { clientCIDRs: ['192.0.2.0/24'] },
    },
    step: 'PutNetworkSecurityGroup',
  },
  {
    title: 'and so is another address of the probes',
    seen: {
      observed: {
        ...bare,
        networkSecurityGroup: { ...group, probeCIDRs: ['192.0.2.9/32'] },
        networkInterface: nic({ networkSecurityGroupId: 'nsg' }),
      },
      spec: guarded,
    },
    step: 'PutNetworkSecurityGroup',
  },
  {
    title: 'without clientCIDRs the interface is freed of the group',
    seen: { observed: { ...bare, networkInterface: nic({ networkSecurityGroupId: 'nsg' }) } },
    step: 'PutNetworkInterface',
  },
])('$title', ({ seen, step, waits = false }) => {
  const verdict = network(sight({ status: unmade, ...seen }))
  expect(verdict.step?.do).toBe(step)
  expect(verdict.because !== undefined).toBe(waits || step !== undefined)
})

test('a machine proves its network; nothing of it is read or touched', () => {
  expect(network(sight())).toEqual({})
})

test('a region that the catalogue lost leaves the rules of a machine alone', () => {
  const observed = { networkInterface, publicIPAddress, networkSecurityGroup: group }
  expect(network(sight({ region: 'Unknown', spec: { clientCIDRs: ['192.0.2.0/24'] }, observed }))).toEqual({})
})

test("without clientCIDRs the interface bears the region's group, where it has one, in whatever case Azure tells it", () => {
  const grouped = { ...region, networkSecurityGroupId: '/subscriptions/s/nsg' }
  const bearing = (networkSecurityGroupId?: string) =>
    network(
      sight({
        status: unmade,
        region: grouped,
        observed: { ...bare, networkInterface: nic({ networkSecurityGroupId }) },
      }),
    ).step
  expect(bearing()).toEqual({ do: 'PutNetworkInterface' })
  expect(bearing('/SUBSCRIPTIONS/S/NSG')).toBeUndefined()
})
