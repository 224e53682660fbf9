import { expect, test } from 'vitest'
import { publicIPAddressBody } from '../azure/network.ts'
import { virtualMachineBody } from '../azure/virtual-machines.ts'
import { virtualMachineRequest } from './request.ts'
import { bare, type Different, evicted, osDisk, sight } from './sights.fixture.ts'

const data = {
  disks: {
    os: { sizeGiB: 256, sku: 'Premium_LRS' as const },
    data: [{ name: 'saves', lun: 3, sizeGiB: 64, sku: 'StandardSSD_LRS' as const }],
  },
}
const body = (different: Different) =>
  virtualMachineBody('westeurope', virtualMachineRequest(sight(different), 'gvm-vm', { 'wasd-uid': 'x' }))

test('the first is a spot machine from the image, whose disks and interface outlive it', () => {
  const made = body({ spec: data, observed: { ...bare, osDisk: undefined, dataDisks: [undefined] } })
  expect(made).toMatchObject({
    location: 'westeurope',
    tags: { 'wasd-uid': 'x' },
    priority: 'Spot',
    evictionPolicy: 'Deallocate',
    billingProfile: { maxPrice: -1 },
    licenseType: 'Windows_Client',
    securityProfile: { securityType: 'TrustedLaunch' },
    storageProfile: {
      diskControllerType: 'SCSI',
      imageReference: { id: expect.stringContaining('/versions/1.0.0') },
      osDisk: {
        createOption: 'FromImage',
        deleteOption: 'Detach',
        diskSizeGB: 256,
        managedDisk: { storageAccountType: 'Premium_LRS' },
      },
      dataDisks: [{ lun: 3, createOption: 'Empty', deleteOption: 'Detach', diskSizeGB: 64 }],
    },
    networkProfile: { networkInterfaces: [{ deleteOption: 'Detach' }] },
  })
  expect(made.osProfile).toBeUndefined()
})

test('I6: the next is a regular one on the same disks, with the same security, licence, controller and LUNs', () => {
  const first = body({ spec: data, observed: { ...bare, osDisk: undefined, dataDisks: [undefined] } })
  const next = body({ spec: data, status: evicted, observed: { ...bare, dataDisks: [{ ...osDisk, id: 'saves-id' }] } })
  expect(next.priority).toBe('Regular')
  expect(next.evictionPolicy).toBeUndefined()
  expect(next.billingProfile).toBeUndefined()
  expect(next.storageProfile?.imageReference).toBeUndefined()
  expect(next.storageProfile?.osDisk).toMatchObject({
    createOption: 'Attach',
    osType: 'Windows',
    managedDisk: { id: osDisk.id },
  })
  expect(next.storageProfile?.osDisk?.diskSizeGB).toBeUndefined()
  expect(next.storageProfile?.dataDisks).toMatchObject([
    { lun: 3, createOption: 'Attach', managedDisk: { id: 'saves-id' } },
  ])
  expect(next.securityProfile).toEqual(first.securityProfile)
  expect(next.licenseType).toBe(first.licenseType)
  expect(next.networkProfile).toEqual(first.networkProfile)
})

test('an image that the catalogue has lost is no request', () => {
  expect(() => body({ image: 'Unknown', observed: bare })).toThrow('does not know image windows-nvidia')
})

test('a zone that the spec names is asked for, and none where it names none', () => {
  expect(body({ spec: { zone: '2' }, observed: bare }).zones).toEqual(['2'])
  expect(body({ observed: bare })).not.toHaveProperty('zones')
})

test('an address serves all zones of its region where the machine stands in one, for the machine may move', () => {
  const zones = (redundancy: 'ZoneRedundant' | 'Regional') =>
    publicIPAddressBody('westeurope', { redundancy, tags: {} }).zones
  expect([zones('ZoneRedundant'), zones('Regional')]).toEqual([['1', '2', '3'], undefined])
})
