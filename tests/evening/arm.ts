// Somebody with rights in the subscription who goes past the operator: speaks ARM by the real SDKs.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ComputeManagementClient } from '@azure/arm-compute'
import { NetworkManagementClient } from '@azure/arm-network'
import { WorkloadIdentityCredential } from '@azure/identity'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Stack } from '../../demo/stack/stack.ts'
import { federatedToken } from '../simulators/federated-token.ts'

/** Milliseconds between two looks at a long-running operation. */
const quick = { updateIntervalInMs: 50 }
const SIZE = 'Standard_NV12ads_A10_v5'
const REGION = 'centralindia'
const IMAGE = 'linux-nvidia'

const catalogueShape = z.object({
  regions: z.record(z.string(), z.object({ resourceGroup: z.string(), subnetId: z.string() })),
  images: z.record(z.string(), z.object({ id: z.string() })),
})

export type Tags = Record<string, string>

/** What carries our installation's tag and says that it belongs to `uid`. */
export function tagsOf(stack: Stack, uid: string): Tags {
  const installation = stack.release.objects
    .flatMap(({ kind, ...object }) => (kind === 'Deployment' ? [JSON.stringify(object)] : []))
    .map(text => /"name":"INSTALLATION_ID","value":"([^"]+)"/.exec(text)?.[1])
    .find(value => value !== undefined)
  if (installation === undefined) throw new Error('The chart gives the operator no INSTALLATION_ID.')
  return {
    'wasd-installation': installation,
    'wasd-uid': uid,
    'wasd-namespace': stack.namespace,
    'wasd-name': 'planted',
  }
}

export function armOf(stack: Stack) {
  const { ca: caFile, tenant, clients, subscription } = stack.simulators.azure.greeting
  const ca = readFileSync(caFile, 'utf8')
  const catalogue = catalogueShape.parse(
    parse(readFileSync(new URL('../../manifests/catalogue.yaml', import.meta.url), 'utf8')),
  )
  const { resourceGroup: group, subnetId } = catalogue.regions[REGION] ?? { resourceGroup: '', subnetId: '' }
  const tokenFilePath = join(mkdtempSync(join(stack.folder, 'arm-')), 'token')
  writeFileSync(tokenFilePath, federatedToken())
  const credential = new WorkloadIdentityCredential({
    tenantId: tenant,
    clientId: clients[0] ?? '',
    tokenFilePath,
    authorityHost: stack.urls.azure,
    disableInstanceDiscovery: true,
    tlsOptions: { ca },
  })
  const options = {
    endpoint: stack.urls.azure,
    tlsOptions: { ca },
    credentials: { scopes: ['https://management.azure.com/.default'] },
  }
  const compute = new ComputeManagementClient(credential, subscription, options)
  const network = new NetworkManagementClient(credential, subscription, options)

  return {
    async address(name: string, tags: Tags): Promise<string> {
      const sku = { name: 'Standard' } as const
      const wanted = { location: REGION, tags, sku, publicIPAllocationMethod: 'Static' } as const
      return idOf(await network.publicIPAddresses.createOrUpdate(group, name, wanted, quick))
    },
    async networkInterface(name: string, tags: Tags, addressId?: string): Promise<string> {
      const address = addressId === undefined ? {} : { publicIPAddress: { id: addressId } }
      const ipConfigurations = [{ name: 'main', subnet: { id: subnetId }, ...address }]
      return idOf(
        await network.networkInterfaces.createOrUpdate(
          group,
          name,
          { location: REGION, tags, ipConfigurations },
          quick,
        ),
      )
    },
    /** A machine from the image, whose OS disk gets the machine's name and outlives it. */
    async machine(name: string, tags: Tags, networkInterfaceId: string, disk = name): Promise<void> {
      await compute.virtualMachines.createOrUpdate(
        group,
        name,
        {
          location: REGION,
          tags,
          hardwareProfile: { vmSize: SIZE },
          storageProfile: {
            imageReference: { id: catalogue.images[IMAGE]?.id ?? '' },
            osDisk: { name: `${disk}-os`, createOption: 'FromImage', deleteOption: 'Detach' },
          },
          networkProfile: { networkInterfaces: [{ id: networkInterfaceId, primary: true, deleteOption: 'Detach' }] },
        },
        quick,
      )
    },
    async deletesMachine(name: string): Promise<void> {
      await compute.virtualMachines.delete(group, name, quick)
    },
    async deletesDisk(machine: string): Promise<void> {
      await compute.disks.delete(group, `${machine}-os`, quick)
    },
    async deletesNetwork(name: string): Promise<void> {
      await network.networkInterfaces.delete(group, name, quick)
      await network.publicIPAddresses.delete(group, name, quick)
    },
  }
}

function idOf({ id }: { id?: string }): string {
  if (id === undefined) throw new Error('Azure gave a resource without an id.')
  return id
}
