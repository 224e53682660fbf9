// A machine's life as the real SDKs see it, from the first token to the deletion.
import { restorePoller } from '@azure/arm-compute'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type AzureSimulator,
  group,
  networkFor,
  quick,
  regularOnDisk,
  specialized,
  spotMachine,
  startAzure,
} from './azure-simulator.ts'

let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=1000')
})
afterAll(async () => {
  expect(azure.complaints()).toBe('')
  expect(await azure.stop()).toBe(0)
})

async function powerOf(name: string): Promise<string | undefined> {
  const view = await azure.compute.virtualMachines.instanceView(group, name)
  return view.statuses?.find(status => status.code?.startsWith('PowerState/'))?.code
}

async function untilPower(name: string, wanted: string): Promise<void> {
  await expect.poll(() => powerOf(name), { timeout: 5000, interval: 10 }).toBe(`PowerState/${wanted}`)
}

const guests = z.object({
  events: z.array(
    z.object({
      seq: z.number(),
      vmName: z.string(),
      vmId: z.string(),
      state: z.string(),
      reason: z.string(),
      publicIP: z.string().optional(),
      preemptAt: z.string().optional(),
      customData: z.string().optional(),
    }),
  ),
  next: z.number(),
})

test('an evicted spot machine comes back on demand with its address and its disk', async () => {
  const { compute, network } = azure
  const { nicId, host } = await networkFor(azure, 'evening')
  const prefix = azure.about.publicIPRange.split('.').slice(0, 3).join('.')
  expect(host.startsWith(`${prefix}.`)).toBe(true)

  const spot = await compute.virtualMachines.createOrUpdate(group, 'evening-1', spotMachine('evening', nicId), {
    ifNoneMatch: '*',
    ...quick,
  })
  expect(spot).toMatchObject({ provisioningState: 'Succeeded', priority: 'Spot', osProfile: { computerName: 'play' } })
  expect(spot.osProfile?.adminPassword).toBeUndefined()
  expect(spot.osProfile?.customData).toBeUndefined()
  expect(await powerOf('evening-1')).toBe('PowerState/running')
  const diskId = spot.storageProfile?.osDisk?.managedDisk?.id ?? ''
  const made = await compute.disks.get(group, 'evening-os')
  expect(made).toMatchObject({ diskState: 'Attached', osType: 'Windows', tags: { player: 'kasparov' } })

  await azure.control('POST', 'evict', { vm: 'evening-1' })
  await untilPower('evening-1', 'deallocated')
  const evicted = await compute.virtualMachines.get(group, 'evening-1', { expand: 'instanceView' })
  expect(evicted.provisioningState).toBe('Succeeded')
  const reserved = await compute.disks.get(group, 'evening-os')
  expect(reserved.diskState).toBe('Reserved')
  expect(reserved.lastOwnershipUpdateTime?.getTime()).toBeGreaterThan(made.timeCreated?.getTime() ?? Infinity)

  await compute.virtualMachines.delete(group, 'evening-1', quick)
  await expect(compute.virtualMachines.get(group, 'evening-1')).rejects.toMatchObject({
    statusCode: 404,
    code: 'ResourceNotFound',
  })
  expect((await compute.disks.get(group, 'evening-os')).diskState).toBe('Unattached')

  const regular = await compute.virtualMachines.createOrUpdate(group, 'evening-2', regularOnDisk(diskId, nicId), {
    ifNoneMatch: '*',
    ...quick,
  })
  expect(regular).toMatchObject({ provisioningState: 'Succeeded', priority: 'Regular' })
  expect(regular.vmId).not.toBe(spot.vmId)
  expect((await network.publicIPAddresses.get(group, 'evening')).ipAddress).toBe(host)

  const { events } = guests.parse(await azure.control('GET', 'guests?since=0'))
  expect(events.map(({ vmName, state, reason }) => `${vmName} ${state} ${reason}`)).toEqual([
    'evening-1 running created',
    'evening-1 running preempt',
    'evening-1 stopped evicted',
    'evening-2 running created',
  ])
  expect(events.every(event => event.publicIP === host)).toBe(true)
  expect(events[1]?.preemptAt).toBeDefined()
  expect(events[0]?.customData).toBe(Buffer.from('boot').toString('base64'))
})

test('a machine is made from a specialized image without an osProfile, and only so', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'special')
  const { osProfile, ...body } = spotMachine('special', nicId)
  const storageProfile = { ...body.storageProfile, imageReference: { id: specialized } }
  const machine = { ...body, storageProfile, securityProfile: { securityType: 'Standard' } }
  const named = compute.virtualMachines.createOrUpdate(
    group,
    'special',
    { ...machine, osProfile: osProfile ?? {} },
    quick,
  )
  await expect(named).rejects.toMatchObject({ statusCode: 400, message: "Parameter 'osProfile' is not allowed." })
  const generalized = compute.virtualMachines.createOrUpdate(group, 'special', body, quick)
  await expect(generalized).rejects.toMatchObject({ message: "Required parameter 'osProfile' is missing (null)." })
  const made = await compute.virtualMachines.createOrUpdate(group, 'special', machine, quick)
  expect(made).toMatchObject({ provisioningState: 'Succeeded', securityProfile: { securityType: 'Standard' } })
})

test('a deallocated machine is resized and started', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'sized')
  await compute.virtualMachines.createOrUpdate(group, 'sized', spotMachine('sized', nicId), quick)
  await compute.virtualMachines.deallocate(group, 'sized', quick)
  expect(await powerOf('sized')).toBe('PowerState/deallocated')
  await compute.virtualMachines.update(group, 'sized', { hardwareProfile: { vmSize: 'Standard_NC4as_T4_v3' } }, quick)
  await compute.virtualMachines.start(group, 'sized', quick)
  expect(await powerOf('sized')).toBe('PowerState/running')
  const shown = await compute.virtualMachines.get(group, 'sized', { expand: 'instanceView' })
  expect(shown.hardwareProfile?.vmSize).toBe('Standard_NC4as_T4_v3')
  expect(shown.tags).toEqual({ player: 'kasparov' })
  expect(shown.instanceView?.statuses?.[0]).toMatchObject({ code: 'ProvisioningState/succeeded' })
})

test('a running machine is only resized within its family', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'grown')
  await compute.virtualMachines.createOrUpdate(group, 'grown', spotMachine('grown', nicId), quick)
  const other = compute.virtualMachines.update(
    group,
    'grown',
    { hardwareProfile: { vmSize: 'Standard_NC4as_T4_v3' } },
    quick,
  )
  await expect(other).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' })
  await compute.virtualMachines.update(
    group,
    'grown',
    { hardwareProfile: { vmSize: 'Standard_NV12ads_A10_v5' } },
    quick,
  )
  expect(await powerOf('grown')).toBe('PowerState/running')
})

test('deleteOption Delete takes disk, NIC and address along', async () => {
  const { compute, network } = azure
  const { nicId } = await networkFor(azure, 'gone')
  const body = spotMachine('gone', nicId)
  await compute.virtualMachines.createOrUpdate(group, 'gone', body, quick)
  await compute.virtualMachines.update(
    group,
    'gone',
    {
      storageProfile: { osDisk: { createOption: 'FromImage', deleteOption: 'Delete' } },
      networkProfile: { networkInterfaces: [{ id: nicId, deleteOption: 'Delete' }] },
    },
    quick,
  )
  await compute.virtualMachines.delete(group, 'gone', { forceDeletion: true, ...quick })
  await expect(compute.disks.get(group, 'gone-os')).rejects.toMatchObject({ statusCode: 404 })
  await expect(network.networkInterfaces.get(group, 'gone')).rejects.toMatchObject({ statusCode: 404 })
  // The address was not asked to go with the NIC.
  await network.publicIPAddresses.delete(group, 'gone', quick)
})

test('a poller that was written down is taken up again', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'resumed')
  const poller = compute.virtualMachines.createOrUpdate(group, 'resumed', spotMachine('resumed', nicId), quick)
  await poller.submitted()
  const written = await poller.serialize()
  expect(written).not.toContain('Correct-Horse-7')
  const taken = restorePoller(compute, written, compute.virtualMachines.createOrUpdate, quick)
  expect(await taken.pollUntilDone()).toMatchObject({ provisioningState: 'Succeeded', name: 'resumed' })
})

test('an eviction by simulateEviction is told with 204, and Delete removes the machine', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'dropped')
  await compute.virtualMachines.createOrUpdate(
    group,
    'dropped',
    { ...spotMachine('dropped', nicId), evictionPolicy: 'Delete' },
    quick,
  )
  await compute.virtualMachines.simulateEviction(group, 'dropped')
  await expect
    .poll(
      () =>
        compute.virtualMachines.get(group, 'dropped').then(
          () => 200,
          error => error.statusCode,
        ),
      { timeout: 5000, interval: 10 },
    )
    .toBe(404)
})

test('data disks are made, attached and detached, and a disk is copied through a snapshot', async () => {
  const { compute } = azure
  const { nicId } = await networkFor(azure, 'saves')
  const saves = await compute.disks.createOrUpdate(
    group,
    'saves-data',
    {
      location: 'westeurope',
      sku: { name: 'Premium_LRS' },
      creationData: { createOption: 'Empty' },
      diskSizeGB: 64,
    },
    quick,
  )
  const body = spotMachine('saves', nicId)
  const dataDisks = [{ lun: 0, createOption: 'Attach', deleteOption: 'Detach', managedDisk: { id: saves.id ?? '' } }]
  await compute.virtualMachines.createOrUpdate(
    group,
    'saves',
    { ...body, storageProfile: { ...body.storageProfile, dataDisks } },
    quick,
  )
  expect((await compute.disks.get(group, 'saves-data')).diskState).toBe('Attached')
  const deletion = compute.disks.delete(group, 'saves-data')
  await expect(deletion).rejects.toMatchObject({ statusCode: 409, code: 'OperationNotAllowed' })

  await compute.virtualMachines.update(group, 'saves', { storageProfile: { dataDisks: [] } }, quick)
  expect((await compute.disks.get(group, 'saves-data')).diskState).toBe('Unattached')

  const snapshot = await compute.snapshots.createOrUpdate(
    group,
    'saves-snapshot',
    {
      location: 'westeurope',
      incremental: true,
      creationData: { createOption: 'Copy', sourceResourceId: saves.id ?? '' },
    },
    quick,
  )
  const copied = await compute.snapshots.createOrUpdate(
    group,
    'saves-abroad',
    {
      location: 'northeurope',
      incremental: true,
      creationData: { createOption: 'CopyStart', sourceResourceId: snapshot.id ?? '' },
    },
    quick,
  )
  await expect
    .poll(async () => (await compute.snapshots.get(group, 'saves-abroad')).completionPercent, {
      timeout: 5000,
      interval: 10,
    })
    .toBe(100)
  const abroad = await compute.disks.createOrUpdate(
    group,
    'saves-abroad',
    {
      location: 'northeurope',
      creationData: { createOption: 'Copy', sourceResourceId: copied.id ?? '' },
    },
    quick,
  )
  expect(abroad).toMatchObject({ diskSizeGB: 64, location: 'northeurope' })
})

test('the fleet is listed by pages, with status alone and whole', async () => {
  const whole = []
  for await (const machine of azure.compute.virtualMachines.listAll()) whole.push(machine)
  const status = []
  for await (const machine of azure.compute.virtualMachines.listAll({ statusOnly: 'true' })) status.push(machine)
  expect(status.map(machine => machine.name)).toEqual(whole.map(machine => machine.name))
  expect(status.every(machine => machine.instanceView?.statuses?.length === 2 && machine.tags === undefined)).toBe(true)
  // The resource group comes in capitals, as Compute gives it.
  expect(whole[0]?.id).toContain(`/resourceGroups/${group.toUpperCase()}/`)
  const families = []
  for await (const usage of azure.compute.usage.list('westeurope')) families.push(usage)
  expect(families.find(usage => usage.name?.value === 'lowPriorityCores')?.currentValue).toBeGreaterThan(0)
  const sizes = []
  for await (const sku of azure.compute.resourceSkus.list({ filter: "location eq 'centralindia'" }))
    sizes.push(sku.name)
  expect(sizes).toContain('Standard_NV6ads_A10_v5')
})

test('everything can be taken away again', async () => {
  const { compute, network } = azure
  const names: string[] = []
  for await (const machine of compute.virtualMachines.list(group)) names.push(machine.name ?? '')
  await Promise.all(names.map(name => compute.virtualMachines.delete(group, name, quick)))
  for await (const nic of network.networkInterfaces.list(group))
    await network.networkInterfaces.delete(group, nic.name ?? '', quick)
  for await (const ip of network.publicIPAddresses.list(group))
    await network.publicIPAddresses.delete(group, ip.name ?? '', quick)
  for await (const disk of compute.disks.listByResourceGroup(group))
    await compute.disks.delete(group, disk.name ?? '', quick)
  for await (const one of compute.snapshots.listByResourceGroup(group))
    await compute.snapshots.delete(group, one.name ?? '', quick)
  expect(await azure.control('GET', 'state')).toMatchObject({
    virtualMachines: [],
    networkInterfaces: [],
    publicIPAddresses: [],
    disks: [],
    snapshots: [],
    operations: [],
  })
})
