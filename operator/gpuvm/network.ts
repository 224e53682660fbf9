// The address and the interface, made once and kept for the object's whole life: an eviction never touches them.
// What has failed is asked for again here; when, is for refusal.ts to say.
import { lookSeconds, type Phase, type Seen, type Verdict } from './decision.ts'
import { textOf } from './guards.ts'

export const network: Phase = seen => {
  const { machine, region, observed, settings, operations } = seen
  if (machine.spec.powerState !== 'Running') return {}
  const because = { reason: 'Creating', message: 'Azure prepares the address and the network interface.' }
  // Sooner than at what takes Azure a minute; where many are at it, at a time when it is most likely done.
  const soon = Math.min(settings.operationPollSeconds, lookSeconds(settings, operations) / 2)
  const wait: Verdict = { because, requeueAfterSeconds: soon }
  const { publicIPAddress, networkInterface, networkSecurityGroup } = observed

  // A machine proves its address and interface; they are looked at again only for a security group's sake. Without
  // the catalogue's word on who probes and where the subnet is, what stands is not touched.
  if (observed.virtualMachine && (!networkInterface || !region)) return {}
  if (!publicIPAddress || publicIPAddress.provisioningState === 'Failed')
    return { because, step: { do: 'PutPublicIPAddress' }, ...wait }
  if (wantsSecurityGroup(seen) && !securityGroupFits(seen))
    return { because, step: { do: 'PutNetworkSecurityGroup' }, ...wait }
  if (publicIPAddress.provisioningState !== 'Succeeded') return wait
  if (wantsSecurityGroup(seen) && networkSecurityGroup?.provisioningState !== 'Succeeded') return wait

  if (!networkInterface || networkInterface.provisioningState === 'Failed')
    return { because, step: { do: 'PutNetworkInterface' }, ...wait }
  if (networkInterface.provisioningState !== 'Succeeded') return wait
  const has = networkInterface.networkSecurityGroupId?.toLowerCase()
  if (has !== securityGroupId(seen)?.toLowerCase()) return { because, step: { do: 'PutNetworkInterface' }, ...wait }
  return {}
}

/** The group that the interface bears: its own where clientCIDRs are set, else the region's, if it has one. */
export function securityGroupId(seen: Seen): string | undefined {
  return wantsSecurityGroup(seen) ? seen.observed.networkSecurityGroup?.id : seen.region?.networkSecurityGroupId
}

function wantsSecurityGroup({ machine }: Seen): boolean {
  return machine.spec.clientCIDRs !== undefined
}

function securityGroupFits({ machine, region, observed }: Seen): boolean {
  const group = observed.networkSecurityGroup
  if (!group) return false
  if (group.provisioningState !== 'Succeeded') return group.provisioningState !== 'Failed'
  if (textOf(group.clientCIDRs) !== textOf(machine.spec.clientCIDRs ?? [])) return false
  return region === undefined || textOf(group.probeCIDRs) === textOf(region.probeCIDRs)
}
