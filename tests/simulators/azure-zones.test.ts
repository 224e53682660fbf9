// Availability zones as Azure has them, with the real SDK clients: capacity of each zone, and which disks and addresses go
// with a machine that stands in one.
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type AzureSimulator,
  group,
  networkFor,
  quick,
  region,
  regularOnDisk,
  spotMachine,
  startAzure,
} from './azure-simulator.ts'

const inIndia = 'play-sin'
let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=2000', `--resource-group=${inIndia}=southindia`)
})
afterAll(async () => await azure?.stop())

const size = 'Standard_NV6ads_A10_v5'
const offer = async (available: number | null, more: object) =>
  await azure.control('POST', 'capacity', { region, size, available, ...more })

/** A NIC that holds an address of all zones, or of these. */
async function zonalNetwork(name: string, zones = ['1', '2', '3']): Promise<string> {
  return (await networkFor(azure, name, zones)).nicId
}

/** A spot machine from the image in that zone, on a disk of that kind. */
function spotIn(zone: string, { name, nicId, sku = 'StandardSSD_ZRS' }: { name: string; nicId: string; sku?: string }) {
  const machine = spotMachine(name, nicId)
  const { osDisk, ...storage } = machine.storageProfile ?? {}
  if (osDisk === undefined) throw new Error('The machine has no disk.')
  const storageProfile = { ...storage, osDisk: { ...osDisk, managedDisk: { storageAccountType: sku } } }
  return { ...machine, zones: [zone], storageProfile }
}
const put = async (name: string, body: ReturnType<typeof spotMachine>) =>
  await azure.compute.virtualMachines.createOrUpdate(group, name, body, quick)

test('each zone has capacity of its own, which counts before the region’s, and refuses by names of its own', async () => {
  const nicId = await zonalNetwork('full')
  await offer(0, { priority: 'Spot' })
  await offer(1, { zone: '2', priority: 'Spot' })
  await expect(put('full', spotIn('1', { name: 'full', nicId }))).rejects.toThrow(
    'OverconstrainedZonalAllocationRequest',
  )
  await azure.compute.virtualMachines.delete(group, 'full', quick)
  await azure.compute.disks.delete(group, 'full-os', quick)
  expect(await put('full', spotIn('2', { name: 'full', nicId }))).toMatchObject({ zones: ['2'] })
  // It gives its place back to the zone that it had it of.
  await azure.compute.virtualMachines.deallocate(group, 'full', quick)
  await azure.compute.virtualMachines.start(group, 'full', quick)
  await azure.compute.virtualMachines.delete(group, 'full', quick)
  await offer(0, { zone: '3', priority: 'Regular', refusal: 'SkuNotAvailable' })
  const osDisk = await azure.compute.disks.get(group, 'full-os')
  const onDemand = { ...regularOnDisk(osDisk.id ?? '', nicId), zones: ['3'] }
  await expect(put('full', onDemand)).rejects.toMatchObject({
    code: 'SkuNotAvailable',
    message: expect.stringContaining(`in location '${region}' zones '3'`),
  })
  await offer(0, { zone: '3', priority: 'Regular' })
  await expect(put('full', onDemand)).rejects.toThrow('ZonalAllocationFailed')
  await azure.compute.virtualMachines.delete(group, 'full', quick)
  // A zone-redundant disk goes from one zone to another.
  expect(osDisk.zones).toBeUndefined()
  expect(await put('full', { ...onDemand, zones: ['1'] })).toMatchObject({ zones: ['1'] })
  await Promise.all([offer(null, { priority: 'Spot' }), offer(null, { zone: '2', priority: 'Spot' })])
})

test('a disk of one zone goes with the machines of that zone alone, one of none with those of none', async () => {
  const nicId = await zonalNetwork('local')
  await put('local', spotIn('1', { name: 'local', nicId, sku: 'StandardSSD_LRS' }))
  await azure.compute.virtualMachines.delete(group, 'local', quick)
  const disk = await azure.compute.disks.get(group, 'local-os')
  expect(disk.zones).toEqual(['1'])
  const again = regularOnDisk(disk.id ?? '', nicId)
  await expect(put('local', { ...again, zones: ['2'] })).rejects.toMatchObject({
    statusCode: 400,
    code: 'BadRequest',
    message: expect.stringContaining("not in the same zone as the VM. VM zone: '2'. Disk zone: '1'."),
  })
  const { nicId: plainNic } = await networkFor(azure, 'plain')
  await put('plain', spotMachine('plain', plainNic))
  await azure.compute.virtualMachines.delete(group, 'plain', quick)
  const plain = await azure.compute.disks.get(group, 'plain-os')
  await expect(put('local', { ...regularOnDisk(plain.id ?? '', nicId), zones: ['2'] })).rejects.toMatchObject({
    code: 'BadRequest',
    message: expect.stringContaining("cannot be attached to the VM because it is not in zone '2'"),
  })
  expect(await put('local', { ...again, zones: ['1'] })).toMatchObject({ zones: ['1'] })
})

test('an address of another zone, or of none, is refused to a machine that stands in one; zones never change', async () => {
  const { nicId } = await networkFor(azure, 'regional')
  const refused = { code: 'ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint', statusCode: 400 }
  await expect(put('regional', spotIn('1', { name: 'regional', nicId }))).rejects.toMatchObject({
    ...refused,
    message: expect.stringContaining('has a different zone constraint Regional'),
  })
  const zonal = await zonalNetwork('zonal', ['2'])
  await expect(put('zonal', spotIn('1', { name: 'zonal', nicId: zonal }))).rejects.toMatchObject(refused)
  expect(await put('zonal', spotIn('2', { name: 'zonal', nicId: zonal }))).toMatchObject({ zones: ['2'] })
  await expect(put('zonal', spotIn('3', { name: 'zonal', nicId: zonal }))).rejects.toMatchObject({
    code: 'PropertyChangeNotAllowed',
  })
  const address = { location: region, sku: { name: 'Standard' }, publicIPAllocationMethod: 'Static' } as const
  await expect(
    azure.network.publicIPAddresses.createOrUpdate(group, 'zonal', { ...address, zones: ['1', '2', '3'] }, quick),
  ).rejects.toMatchObject({ code: 'ResourceAvailabilityZonesCannotBeModified' })
})

test('where a region has no zones, nothing can be put into one, nor be redundant over them', async () => {
  const location = 'southindia'
  const address = { location, zones: ['1', '2', '3'], sku: { name: 'Standard' }, publicIPAllocationMethod: 'Static' }
  await expect(
    azure.network.publicIPAddresses.createOrUpdate(inIndia, 'none', { ...address, publicIPAllocationMethod: 'Static' }),
  ).rejects.toMatchObject({ code: 'LocationNotSupportAvailabilityZones' })
  const disk = { location, sku: { name: 'StandardSSD_ZRS' }, diskSizeGB: 32, creationData: { createOption: 'Empty' } }
  await expect(azure.compute.disks.createOrUpdate(inIndia, 'none', disk)).rejects.toMatchObject({
    message: expect.stringContaining('SKU StandardSSD_ZRS is not supported for resource type Disk in this region'),
  })
  const zonal = { ...disk, location: region, zones: ['1'] }
  await expect(azure.compute.disks.createOrUpdate(group, 'zonal', zonal)).rejects.toMatchObject({
    code: 'OperationNotAllowed',
    message: expect.stringContaining('cannot be created in an availability zone'),
  })
})

test('a zone is taken back alone', async () => {
  for (const zone of ['1', '2']) {
    await put(`gone-${zone}`, spotIn(zone, { name: `gone-${zone}`, nicId: await zonalNetwork(`gone-${zone}`) }))
  }
  expect(await azure.control('POST', 'evict', { region, zone: '1', noticeSeconds: 0 })).toMatchObject({
    evicting: [{ vmName: 'gone-1' }],
  })
})
