// Whatever changes Azure, by a process that does not lead, or not any more when it is about to go out: a method that the fence
// forgets is a second leader's.
import type { TokenCredential } from '@azure/identity'
import { expect, test } from 'vitest'
import { permission } from '../../lib/kube/fence.ts'
import { createClients, credentials } from '../../operator/azure/clients.ts'
import type { Azure, VirtualMachineRequest } from '../../operator/azure/provider.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import { sharedAzure } from './support/shared-azure.ts'

const world = sharedAzure()

const subscriptionId = '00000000-0000-4000-8000-000000000001'
const place = { subscriptionId, resourceGroup: 'wasd-westeurope', region: 'westeurope' }
const name = 'of-nobody'
const tags = {}
const scope = `/subscriptions/${subscriptionId}/resourceGroups/wasd-westeurope/providers`
const machine: VirtualMachineRequest = {
  ...{ name, size: 'Standard_NV12ads_A10_v5', zone: undefined, priority: 'Spot', tags },
  networkInterfaceId: `${scope}/Microsoft.Network/networkInterfaces/${name}`,
  osDisk: { name, sizeGiB: 128, sku: 'StandardSSD_LRS', imageId: `${scope}/Microsoft.Compute/images/${name}` },
  ...{ dataDisks: [], osType: 'Linux', securityType: 'Standard', licenseType: undefined, diskControllerType: 'SCSI' },
}
const signal = () => AbortSignal.timeout(20_000)

type Question =
  | 'virtualMachine'
  | 'publicIPAddress'
  | 'networkInterface'
  | 'networkSecurityGroup'
  | 'disk'
  | 'sourceDisk'
  | 'snapshot'
  | 'operation'
  | 'fleet'
  | 'tagged'
  | 'usages'
  | 'annotations'
  | 'spotRates'

/** The types ask for every one. */
const changes: Record<Exclude<keyof Azure, Question>, (azure: Azure) => Promise<unknown>> = {
  putPublicIPAddress: azure => azure.putPublicIPAddress(place, { name, redundancy: 'Regional', tags }, signal()),
  putNetworkInterface: azure => {
    const publicIPAddressId = `${scope}/Microsoft.Network/publicIPAddresses/${name}`
    const subnetId = `${scope}/Microsoft.Network/virtualNetworks/net/subnets/machines`
    const networkSecurityGroupId = undefined
    const request = { name, subnetId, publicIPAddressId, networkSecurityGroupId, tags }
    return azure.putNetworkInterface(place, request, signal())
  },
  putNetworkSecurityGroup: azure =>
    azure.putNetworkSecurityGroup(place, { name, clientCIDRs: [], probeCIDRs: [], tags }, signal()),
  putSnapshot: azure =>
    azure.putSnapshot(place, { name, tags, diskId: `${scope}/Microsoft.Compute/disks/${name}` }, signal()),
  putDisk: azure => {
    const snapshotId = `${scope}/Microsoft.Compute/snapshots/${name}`
    return azure.putDisk(place, { name, sku: 'StandardSSD_LRS', zone: undefined, snapshotId, tags }, signal())
  },
  createVirtualMachine: azure => azure.createVirtualMachine(place, machine, signal()),
  startVirtualMachine: azure => azure.startVirtualMachine(place, name, signal()),
  redeployVirtualMachine: azure => azure.redeployVirtualMachine(place, name, signal()),
  deallocateVirtualMachine: azure => azure.deallocateVirtualMachine(place, name, signal()),
  deleteVirtualMachine: azure => azure.deleteVirtualMachine(place, name, signal()),
  deleteNetworkInterface: azure => azure.deleteNetworkInterface(place, name, signal()),
  deletePublicIPAddress: azure => azure.deletePublicIPAddress(place, name, signal()),
  deleteNetworkSecurityGroup: azure => azure.deleteNetworkSecurityGroup(place, name, signal()),
  deleteDisk: azure => azure.deleteDisk(place, name, signal()),
  deleteSnapshot: azure => azure.deleteSnapshot(place, name, signal()),
  retag: azure => azure.retag(place, { kind: 'virtualMachine', name }, tags, signal()),
}

/** By a process of its own, which has no token yet. `onToken`: what happens while it waits for one. */
function azureOf(holds: () => boolean, onToken = () => {}): Azure {
  const { settings } = world()
  const credentialOf = credentials(settings)
  const slow = (credential: TokenCredential): TokenCredential => ({
    getToken: async (...asked) => {
      onToken()
      return await credential.getToken(...asked)
    },
  })
  const clients = createClients(settings, id => slow(credentialOf(id)), { permit: permission(holds) })
  return createAzure(settings, clients)
}

const changesHeard = async (mark: number) => (await world().calls(mark)).filter(({ method }) => method !== 'GET')

test.each(Object.entries(changes))('%s: not sent without the lease, and sent with it', async (_method, change) => {
  let isHeld = false
  const holds = () => isHeld
  const mark = await world().mark()
  await expect(change(azureOf(holds))).rejects.toMatchObject({ code: 'NotLeading' })
  // Asked for while it leads; by the time that it has its token, it does not.
  isHeld = true
  const losing = azureOf(holds, () => {
    isHeld = false
  })
  await expect(change(losing)).rejects.toMatchObject({ code: 'NotLeading' })
  expect(await changesHeard(mark)).toEqual([])

  isHeld = true
  await change(azureOf(holds)).catch(() => undefined) // Much of it Azure refuses: what it is about is not there.
  expect(await changesHeard(mark)).not.toEqual([])
})

test('whoever stands by may look at all there is', async () => {
  const azure = azureOf(() => false)
  const asked = { subscriptionId, machineIds: [`${scope}/Microsoft.Compute/virtualMachines/${name}`] }
  expect(await azure.virtualMachine(place, name, signal())).toBeUndefined()
  expect(await azure.fleet(subscriptionId, signal())).toEqual([])
  expect(await azure.annotations(asked, signal())).toEqual([])
})
