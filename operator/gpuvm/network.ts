// The address and the interface, made once and kept for the object's whole life: an eviction never touches them.
import type { Phase, Seen, Verdict } from './decision.ts'

export const network: Phase = seen => {
  const { machine, observed, settings } = seen
  if (machine.spec.powerState !== 'Running') return {}
  const because = { reason: 'Creating', message: 'Azure prepares the address and the network interface.' }
  const wait: Verdict = { because, requeueAfterSeconds: settings.operationPollSeconds / 2 }
  const { publicIPAddress, networkInterface, networkSecurityGroup } = observed

  // A machine proves its address and interface; they are looked at again only for a security group's sake.
  if (observed.virtualMachine && !networkInterface) return {}
  if (!publicIPAddress || publicIPAddress.provisioningState === 'Failed')
    return { because, step: { do: 'PutPublicIPAddress' }, ...wait }
  if (wantsSecurityGroup(seen) && !securityGroupFits(seen))
    return { because, step: { do: 'PutNetworkSecurityGroup' }, ...wait }
  if (publicIPAddress.provisioningState !== 'Succeeded') return wait
  if (wantsSecurityGroup(seen) && networkSecurityGroup?.provisioningState !== 'Succeeded') return wait

  if (!networkInterface || networkInterface.provisioningState === 'Failed')
    return { because, step: { do: 'PutNetworkInterface' }, ...wait }
  if (networkInterface.provisioningState !== 'Succeeded') return wait
  const guarded = networkInterface.networkSecurityGroupId !== undefined
  if (guarded !== wantsSecurityGroup(seen)) return { because, step: { do: 'PutNetworkInterface' }, ...wait }
  return {}
}

function wantsSecurityGroup({ machine }: Seen): boolean {
  return machine.spec.clientCIDRs !== undefined
}

function securityGroupFits({ machine, observed }: Seen): boolean {
  const group = observed.networkSecurityGroup
  if (!group) return false
  if (group.provisioningState !== 'Succeeded') return group.provisioningState !== 'Failed'
  const sorted = (list: string[]) => [...list].sort().join()
  return sorted(group.clientCIDRs) === sorted(machine.spec.clientCIDRs ?? [])
}
