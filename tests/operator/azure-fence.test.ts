// Whatever changes Azure, by a process that does not lead, or not any more when it is about to go out: a method that the fence
// forgets is a second leader's.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { permission } from '../../lib/kube/fence.ts'
import { createClients, credentials } from '../../operator/azure/clients.ts'
import type { Azure, VirtualMachineRequest } from '../../operator/azure/provider.ts'
import { createAzure } from '../../operator/azure/sdk.ts'
import { type AzureWorld, startAzure } from './support/azure.ts'

let folder: string
let world: AzureWorld
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azure-fence-'))
  const catalogue = parseCatalogue(await readFile(join(import.meta.dirname, '../../manifests/catalogue.yaml'), 'utf8'))
  world = await startAzure({ catalogue, folder, speed: 100 })
})
afterAll(async () => {
  await world.stop()
  await rm(folder, { recursive: true, force: true })
})

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

/** By a process of its own, which has no token yet. */
function azureOf(holds: () => boolean): Azure {
  const { settings } = world
  return createAzure(settings, createClients(settings, credentials(settings), { permit: permission(holds) }))
}

const changesHeard = async (mark: number) => (await world.calls(mark)).filter(({ method }) => method !== 'GET')

test.each(Object.entries(changes))('%s: not sent without the lease, and sent with it', async (_method, change) => {
  let isHeld = false
  const azure = azureOf(() => isHeld)
  const mark = await world.mark()
  await expect(change(azure)).rejects.toMatchObject({ code: 'NotLeading' })
  // Asked for while it leads; by the time that it has its token, it does not.
  isHeld = true
  const late = change(azureOf(() => isHeld))
  isHeld = false
  await expect(late).rejects.toMatchObject({ code: 'NotLeading' })
  expect(await changesHeard(mark)).toEqual([])

  isHeld = true
  await change(azure).catch(() => undefined) // Much of it Azure refuses: what it is about is not there.
  expect(await changesHeard(mark)).not.toEqual([])
})

test('whoever stands by may look at all there is', async () => {
  const azure = azureOf(() => false)
  const asked = { subscriptionId, machineIds: [`${scope}/Microsoft.Compute/virtualMachines/${name}`] }
  expect(await azure.virtualMachine(place, name, signal())).toBeUndefined()
  expect(await azure.fleet(subscriptionId, signal())).toEqual([])
  expect(await azure.annotations(asked, signal())).toEqual([])
})
