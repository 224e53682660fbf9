// The address that a request came from, as far as it can be known behind a load balancer.
import { BlockList, isIP } from 'node:net'

/** Where our own load balancers sit: loopback, private and link-local blocks (RFC 1918, RFC 4193, RFC 6598). */
const proxies = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const) {
  proxies.addSubnet(network, prefix, 'ipv4')
}
proxies.addAddress('::1', 'ipv6')
proxies.addSubnet('fc00::', 7, 'ipv6')
proxies.addSubnet('fe80::', 10, 'ipv6')

/**
 * Whom to count a request against. `X-Forwarded-For` is believed only from a private peer, and only its last entry, the
 * one that the nearest balancer wrote: all before it is the client's own word. An IPv6 client is its /64, since it owns
 * all of it.
 */
export function clientAddress(connection: { peer: string | undefined; forwardedFor: string | undefined }): string {
  const peer = plain(connection.peer ?? '')
  const last = plain(connection.forwardedFor?.split(',').at(-1)?.trim() ?? '')
  const address = isIP(last) !== 0 && isProxy(peer) ? last : peer
  return isIP(address) === 6 ? network64(address) : address
}

/** IPv4 arrives as ::ffff:10.0.0.1 on a socket that listens on both families. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Of peers that were asked about before: balancers, for the most part, the same few each time. */
const seen = new Map<string, boolean>()
const SEEN_PEERS = 1000

function isProxy(address: string): boolean {
  const before = seen.get(address)
  if (before !== undefined) return before
  const family = isIP(address)
  const found = family !== 0 && proxies.check(address, family === 6 ? 'ipv6' : 'ipv4')
  if (seen.size >= SEEN_PEERS) seen.clear()
  seen.set(address, found)
  return found
}

function network64(address: string): string {
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::')
  const left = head.split(':').filter(group => group !== '')
  const right = tail.split(':').filter(group => group !== '')
  const zeros = address.includes('::')
    ? Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
    : []
  const groups = [...left, ...zeros, ...right].slice(0, 4).map(group => Number.parseInt(group, 16).toString(16))
  return `${groups.join(':')}::/64`
}
