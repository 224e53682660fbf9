import { expect, test } from 'vitest'
import { clientAddress } from './client-address.ts'

test.each([
  ['a client without a proxy is its peer', '203.0.113.9', undefined, '203.0.113.9'],
  ['a public peer cannot name another address', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
  ['a balancer of ours names the client', '10.0.3.7', '198.51.100.1', '198.51.100.1'],
  ['of a list only what the balancer added is believed', '10.0.3.7', '1.1.1.1, 198.51.100.1', '198.51.100.1'],
  ['what is no address is not believed', '10.0.3.7', 'unknown', '10.0.3.7'],
  ['an IPv4 peer on an IPv6 socket is an IPv4 address', '::ffff:10.0.3.7', '198.51.100.1', '198.51.100.1'],
  ['an IPv6 client is its /64', '2001:db8:0:7:1:2:3:4', undefined, '2001:db8:0:7::/64'],
  ['a short IPv6 address too', '2001:db8::1', undefined, '2001:db8:0:0::/64'],
  ['loopback is a proxy', '::1', '2001:DB8::9', '2001:db8:0:0::/64'],
  ['an unknown peer is one bucket', undefined, undefined, ''],
])('%s', (_name, peer, forwardedFor, address) => {
  expect(clientAddress({ peer, forwardedFor })).toBe(address)
})
