// What Azure refuses, at once or late, in its own words.
import type { VirtualMachine } from '@azure/arm-compute'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import {
  type AzureSimulator,
  group,
  image,
  networkFor,
  quick,
  region,
  regularOnDisk,
  spotMachine,
  startAzure,
} from './azure-simulator.ts'
import { federatedToken } from './federated-token.ts'

let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=1000', '--nic-reservation-seconds=1000000')
})
afterAll(async () => {
  expect(azure.complaints()).toBe('')
  await azure.stop()
})

const vms = `/subscriptions/{subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines`
const computeVersion = 'api-version=2026-04-01'
const error = z.object({ error: z.object({ code: z.string(), message: z.string(), target: z.string().optional() }) })

/** The refusal of one request as it is: status, code, message. */
async function refusal(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await azure.arm(method, path, { ...(body === undefined ? {} : { body }), headers })
  return { status: answer.status, ...error.parse(answer.body).error }
}

async function machineOf(name: string) {
  const { nicId } = await networkFor(azure, name)
  const machine = await azure.compute.virtualMachines.createOrUpdate(group, name, spotMachine(name, nicId), quick)
  return { nicId, diskId: machine.storageProfile?.osDisk?.managedDisk?.id ?? '' }
}

test.each([
  ['an unknown application', { client_id: 'nobody' }, 400, 'AADSTS700016'],
  ['what is no JWT', { client_assertion: 'password' }, 401, 'AADSTS50027'],
  [
    'an assertion for somebody else',
    { client_assertion: federatedToken({ aud: 'https://kubernetes.default.svc' }) },
    401,
    'AADSTS700212',
  ],
  ['an assertion that is over', { client_assertion: federatedToken({ exp: 1 }) }, 401, 'AADSTS700024'],
  ['another grant', { grant_type: 'password' }, 400, 'AADSTS70003'],
  ['another resource', { scope: 'https://graph.microsoft.com/.default' }, 400, 'AADSTS70011'],
])('Entra gives no token to %s', async (_, changed, status, code) => {
  const form = {
    grant_type: 'client_credentials',
    client_id: azure.about.clients[0] ?? '',
    scope: 'https://management.azure.com/.default',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: federatedToken(),
    ...changed,
  }
  const path = `/${azure.about.tenant}/oauth2/v2.0/token`
  const answer = await azure.ask('POST', path, { body: new URLSearchParams(form).toString() })
  expect(answer.status).toBe(status)
  expect(z.object({ error_description: z.string() }).parse(answer.body).error_description).toContain(code)
})

test('ARM takes no request without a token that it knows', async () => {
  const path = `/subscriptions/${azure.about.subscription}?api-version=2022-09-01`
  expect(await azure.ask('GET', path)).toMatchObject({ status: 401, body: { error: { code: 'AuthenticationFailed' } } })
  const headers = { authorization: 'Bearer nonsense' }
  expect(await azure.ask('GET', path, { headers })).toMatchObject({
    status: 401,
    body: { error: { code: 'InvalidAuthenticationToken' } },
  })
  expect(await azure.arm('GET', path)).toMatchObject({ status: 200, body: { state: 'Enabled' } })
})

test.each([
  ['another subscription', `/subscriptions/other/resourceGroups?api-version=2022-09-01`, 404, 'SubscriptionNotFound'],
  ['an unknown resource group', `${vms.replace(group, 'nowhere')}?${computeVersion}`, 404, 'ResourceGroupNotFound'],
  ['no api-version', vms, 400, 'MissingApiVersionParameter'],
  ['an api-version of another time', `${vms}?api-version=2015-06-15`, 400, 'InvalidResourceType'],
  [
    'an unknown type',
    `${vms.replace('virtualMachines', 'quantumMachines')}?${computeVersion}`,
    404,
    'InvalidResourceType',
  ],
  ['a machine that is not there', `${vms}/nobody?${computeVersion}`, 404, 'ResourceNotFound'],
])('a request for %s is refused', async (_, path, status, code) => {
  expect(await refusal('GET', path)).toMatchObject({ status, code })
})

test.each([
  ['an unknown member', { foo: 1 }, 'InvalidRequestContent', 'properties.foo'],
  ['a wrong type', { hardwareProfile: { vmSize: 3 } }, 'InvalidRequestContent', 'properties.hardwareProfile.vmSize'],
  ['a value that is not known', { evictionPolicy: 'Explode' }, 'InvalidParameter', 'properties.evictionPolicy'],
  [
    'a required member left out',
    { storageProfile: { osDisk: {} } },
    'InvalidParameter',
    'properties.storageProfile.osDisk.createOption',
  ],
])("Azure's schema refuses %s and names the place", async (_, properties, code, target) => {
  const answer = await refusal('PUT', `${vms}/any?${computeVersion}`, { location: region, properties })
  expect(answer).toMatchObject({ status: 400, code, target })
})

test('what only Azure may write is ignored', async () => {
  const path = `/subscriptions/{subscription}/resourceGroups/${group}/providers/Microsoft.Network/publicIPAddresses/odd?api-version=2026-01-01`
  const properties = { publicIPAllocationMethod: 'Static', provisioningState: 'Failed' }
  const answer = await azure.arm('PUT', path, { body: { location: region, sku: { name: 'Standard' }, properties } })
  expect(answer).toMatchObject({ status: 201, body: { properties: { provisioningState: 'Updating' } } })
})

test('a machine must make sense before anything is done', async () => {
  const { nicId } = await networkFor(azure, 'sense')
  const good = spotMachine('sense', nicId)
  const { compute } = azure
  const refused = (body: typeof good) =>
    expect(compute.virtualMachines.createOrUpdate(group, 'sense', body, quick)).rejects
  const { evictionPolicy: _policy, billingProfile: _billing, ...plain } = good

  await refused({ ...plain, priority: 'Regular', evictionPolicy: 'Delete' }).toMatchObject({
    code: 'EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines',
  })
  await refused({ ...plain, priority: 'Regular', billingProfile: { maxPrice: 1 } }).toMatchObject({
    code: 'MaxPriceIsSupportedOnlyForAzureSpotVirtualMachines',
  })
  await refused({ ...good, billingProfile: { maxPrice: 0.0001 } }).toMatchObject({
    code: 'SpotPriceGreaterThanProvidedMaxPrice',
  })
  await refused({ ...good, hardwareProfile: { vmSize: 'Standard_NV4as_v4' } }).toMatchObject({
    code: 'InvalidParameter',
    message: expect.stringContaining('Standard_NV4as_v4'),
  })
  await refused({ ...good, zones: ['7'] }).toMatchObject({ code: 'InvalidAvailabilityZone' })
  await refused({ ...good, location: 'atlantis' }).toMatchObject({ code: 'LocationNotAvailableForResourceType' })
  await refused({ ...good, networkProfile: { networkInterfaces: [{ id: `${nicId}-none` }] } }).toMatchObject({
    code: 'InvalidResourceReference',
  })
  await refused({ ...good, osProfile: { ...good.osProfile, adminPassword: 'short' } }).toMatchObject({
    code: 'InvalidParameter',
  })
  await refused({ ...good, userData: 'not base64!' }).toMatchObject({ code: 'InvalidParameter' })
  const elsewhere = { ...good.storageProfile, imageReference: { id: `${image}-unknown` } }
  await refused({ ...good, storageProfile: elsewhere }).toMatchObject({ code: 'GalleryImageNotFound', statusCode: 404 })
  expect(await azure.control('GET', 'state')).toMatchObject({ disks: [] })
})

test('a disk that exists is only attached, and without what made it', async () => {
  const { nicId, diskId } = await machineOf('attach')
  const { compute } = azure
  await compute.virtualMachines.delete(group, 'attach', quick)
  const regular = regularOnDisk(diskId, nicId)
  const refused = (body: typeof regular) =>
    expect(compute.virtualMachines.createOrUpdate(group, 'attach-2', body, quick)).rejects

  await refused({ ...spotMachine('attach', nicId) }).toMatchObject({
    statusCode: 409,
    code: 'ConflictingUserInput',
    message: expect.stringContaining('Only CreateOption.Attach'),
  })
  await refused({ ...regular, osProfile: { computerName: 'x', adminUsername: 'y' } }).toMatchObject({
    message: "Parameter 'osProfile' is not allowed.",
  })
  await refused({
    ...regular,
    storageProfile: { ...regular.storageProfile, imageReference: { id: image } },
  }).toMatchObject({ message: expect.stringContaining('Cannot attach an existing OS disk') })
  await refused({ ...regular, securityProfile: { securityType: 'TrustedLaunch' } }).toMatchObject({
    message: expect.stringContaining('Security type'),
  })
  await refused({ ...regular, evictionPolicy: 'Deallocate' }).toMatchObject({
    code: 'EvictionPolicyCanBeSetOnlyOnAzureSpotVirtualMachines',
  })

  await compute.virtualMachines.createOrUpdate(group, 'attach-2', regular, quick)
  const { nicId: otherNic } = await networkFor(azure, 'attach-3')
  const second = compute.virtualMachines.createOrUpdate(group, 'attach-3', regularOnDisk(diskId, otherNic), quick)
  await expect(second).rejects.toMatchObject({
    statusCode: 409,
    code: 'ConflictingUserInput',
    message: expect.stringContaining('already owned by VM'),
  })
})

test('with If-Match a machine is changed only as it was read: by PATCH, by PUT, and not where there is none', async () => {
  const { nicId } = await machineOf('read')
  const { compute } = azure
  const [body, changeless] = [spotMachine('read', nicId), { statusCode: 412, code: 'PreconditionFailed' }]
  const etag = async () => (await compute.virtualMachines.get(group, 'read')).etag ?? ''
  const tag = async (seat: string, ifMatch: string) =>
    await compute.virtualMachines.update(group, 'read', { tags: { seat } }, { ifMatch, ...quick })
  const put = async (name: string, seat: string, ifMatch: string) =>
    await compute.virtualMachines.createOrUpdate(group, name, { ...body, tags: { seat } }, { ifMatch, ...quick })

  const first = await etag()
  expect((await tag('one', first)).tags).toEqual({ seat: 'one' })
  const second = await etag()
  expect(second).not.toBe(first)
  await expect(tag('two', first)).rejects.toMatchObject(changeless)
  await expect(put('read', 'two', first)).rejects.toMatchObject(changeless)
  expect((await compute.virtualMachines.get(group, 'read')).tags).toEqual({ seat: 'one' })
  expect((await put('read', 'two', second)).tags).toEqual({ seat: 'two' })
  expect((await tag('three', '*')).tags).toEqual({ seat: 'three' })
  await expect(put('unread', 'one', '*')).rejects.toMatchObject(changeless)
})

test('a machine is made once, and some of it never changes', async () => {
  const { nicId } = await machineOf('once')
  const { compute } = azure
  const again = compute.virtualMachines.createOrUpdate(group, 'once', spotMachine('once', nicId), {
    ifNoneMatch: '*',
    ...quick,
  })
  await expect(again).rejects.toMatchObject({ statusCode: 412, code: 'PreconditionFailed' })
  const other = compute.virtualMachines.update(group, 'once', { priority: 'Regular' }, { ifMatch: '"0"', ...quick })
  await expect(other).rejects.toMatchObject({ statusCode: 412 })
  const { evictionPolicy: _policy, billingProfile: _billing, ...regular } = spotMachine('once', nicId)
  const converted = compute.virtualMachines.createOrUpdate(group, 'once', { ...regular, priority: 'Regular' }, quick)
  await expect(converted).rejects.toMatchObject({
    statusCode: 409,
    code: 'PropertyChangeNotAllowed',
    message: "Changing property 'priority' is not allowed.",
  })

  const { nicId: plainNic } = await networkFor(azure, 'plain')
  const { priority: _priority, ...plain } = { ...regular, ...spotMachine('plain', plainNic) }
  const { evictionPolicy: _p, billingProfile: _b, ...unsaid } = plain
  await compute.virtualMachines.createOrUpdate(group, 'plain', unsaid, quick)
  const said = compute.virtualMachines.update(group, 'plain', { priority: 'Spot' }, quick)
  await expect(said).rejects.toMatchObject({ statusCode: 409, code: 'VMPriorityCannotBeApplied' })
})

test('what is in use cannot be deleted or used twice', async () => {
  await machineOf('busy')
  const { compute, network } = azure
  await expect(network.networkInterfaces.delete(group, 'busy', quick)).rejects.toMatchObject({
    statusCode: 400,
    code: 'NicInUse',
  })
  await expect(network.publicIPAddresses.delete(group, 'busy', quick)).rejects.toMatchObject({
    statusCode: 400,
    code: 'PublicIPAddressCannotBeDeleted',
  })
  await expect(network.networkSecurityGroups.delete(group, 'play', quick)).rejects.toMatchObject({
    code: 'InUseNetworkSecurityGroupCannotBeDeleted',
  })
  await expect(network.virtualNetworks.delete(group, 'play', quick)).rejects.toMatchObject({
    code: 'InUseSubnetCannotBeDeleted',
  })
  await expect(compute.disks.delete(group, 'busy-os', quick)).rejects.toMatchObject({
    statusCode: 409,
    code: 'OperationNotAllowed',
  })

  const nic = await network.networkInterfaces.get(group, 'busy')
  const [configuration] = nic.ipConfigurations ?? []
  const thief = network.networkInterfaces.createOrUpdate(
    group,
    'thief',
    {
      location: region,
      ipConfigurations: [
        { name: 'main', subnet: configuration?.subnet ?? {}, publicIPAddress: configuration?.publicIPAddress ?? {} },
      ],
    },
    quick,
  )
  await expect(thief).rejects.toMatchObject({ statusCode: 400, code: 'PublicIPAddressInUse' })
  const two = compute.virtualMachines.createOrUpdate(group, 'busy-2', spotMachine('busy-2', nic.id ?? ''), quick)
  await expect(two).rejects.toMatchObject({ statusCode: 400, code: 'NicInUse' })
})

test('quotas of both pools refuse at once, in the words that tell them apart', async () => {
  const { nicId } = await networkFor(azure, 'quota')
  const { compute } = azure
  const spot = spotMachine('quota', nicId)
  const {
    evictionPolicy: _policy,
    billingProfile: _billing,
    ...regular
  }: VirtualMachine = { ...spot, priority: 'Regular' }
  const create = (body: VirtualMachine) => compute.virtualMachines.createOrUpdate(group, 'quota', body, quick)

  await azure.control('POST', 'quota', { region, name: 'lowPriorityCores', limit: 5 })
  await expect(create(spot)).rejects.toMatchObject({
    statusCode: 409,
    code: 'OperationNotAllowed',
    message: expect.stringContaining('LowPriorityCores'),
  })
  await azure.control('POST', 'quota', { region, name: 'lowPriorityCores', limit: 1000 })
  await azure.control('POST', 'quota', { region, name: 'StandardNVADSA10v5Family', limit: 0 })
  await expect(create(regular)).rejects.toMatchObject({
    code: 'OperationNotAllowed',
    message: expect.stringMatching(/Family Cores quota.*Current Limit: 0/),
  })
  await azure.control('POST', 'quota', { region, name: 'StandardNVADSA10v5Family', limit: 1000 })
  await azure.control('POST', 'quota', { region, name: 'cores', limit: 1 })
  await expect(create(regular)).rejects.toMatchObject({
    message: expect.stringContaining('exceeding approved Total Regional Cores quota'),
  })
  await azure.control('POST', 'quota', { region, name: 'cores', limit: 1000 })
  await azure.control('POST', 'quota', { region, name: 'PublicIPAddresses', limit: 1 })
  await expect(networkFor(azure, 'one-too-many')).rejects.toMatchObject({ code: 'PublicIPCountLimitReached' })
  await azure.control('POST', 'quota', { region, name: 'PublicIPAddresses', limit: 1000 })

  // The refused machine keeps its NIC for a while, from others and from deletion.
  const other = compute.virtualMachines.createOrUpdate(group, 'quota-2', spotMachine('quota-2', nicId), quick)
  await expect(other).rejects.toMatchObject({ statusCode: 400, code: 'NicReservedForAnotherVm' })
  await expect(azure.network.networkInterfaces.delete(group, 'quota', quick)).rejects.toMatchObject({
    code: 'NicReservedForAnotherVm',
  })
  expect(await create(spot)).toMatchObject({ provisioningState: 'Succeeded' })
})

test('hardware that is not there fails late, and the machine stays, holding disk and NIC', async () => {
  const { nicId } = await networkFor(azure, 'late')
  const { compute } = azure
  const place = { region, size: 'Standard_NV6ads_A10_v5', priority: 'Spot' }
  await azure.control('POST', 'capacity', { ...place, available: 0, refusal: 'SkuNotAvailable' })
  const create = () => compute.virtualMachines.createOrUpdate(group, 'late', spotMachine('late', nicId), quick)
  await expect(create()).rejects.toMatchObject({ statusCode: 409, code: 'SkuNotAvailable' })

  await azure.control('POST', 'capacity', { ...place, available: 0, refusal: 'AllocationFailed' })
  await expect(create()).rejects.toThrow(/The long-running operation has failed. AllocationFailed. Allocation failed/)
  const failed = await compute.virtualMachines.get(group, 'late', { expand: 'instanceView' })
  expect(failed.provisioningState).toBe('Failed')
  expect(failed.instanceView?.statuses?.map(status => status.code)).toEqual([
    'ProvisioningState/failed/AllocationFailed',
  ])
  expect(await compute.disks.get(group, 'late-os')).toMatchObject({ diskState: 'Attached' })
  expect((await azure.network.networkInterfaces.get(group, 'late')).virtualMachine?.id).toBe(failed.id)

  await azure.control('POST', 'capacity', { ...place, available: 0 })
  await compute.virtualMachines.delete(group, 'late', quick)
  const other = compute.virtualMachines.createOrUpdate(group, 'late-2', spotMachine('late-2', nicId), quick)
  await expect(other).rejects.toMatchObject({ code: 'NicReservedForAnotherVm' })
  await expect(create()).rejects.toMatchObject({ code: 'ConflictingUserInput' }) // The disk outlived the failed machine.
  await compute.disks.delete(group, 'late-os', quick)
  await expect(create()).rejects.toThrow(/OverconstrainedAllocationRequest/)

  await azure.control('POST', 'capacity', { ...place, available: 1 })
  expect(await create()).toMatchObject({ provisioningState: 'Succeeded' }) // The same name may be tried again.
  const { nicId: second } = await networkFor(azure, 'late-3')
  const full = compute.virtualMachines.createOrUpdate(group, 'late-3', spotMachine('late-3', second), quick)
  await expect(full).rejects.toThrow(/OverconstrainedAllocationRequest/)
  await azure.control('POST', 'capacity', { ...place, available: null })
})

test('an evicted machine may find no hardware to start on', async () => {
  const { compute } = azure
  await machineOf('stranded')
  await compute.virtualMachines.deallocate(group, 'stranded', quick)
  const place = { region, size: 'Standard_NV6ads_A10_v5', priority: 'Spot' }
  await azure.control('POST', 'capacity', { ...place, available: 0 })
  await expect(compute.virtualMachines.start(group, 'stranded', quick)).rejects.toThrow(
    /OverconstrainedAllocationRequest/,
  )
  const view = await compute.virtualMachines.instanceView(group, 'stranded')
  expect(view.statuses?.map(status => status.code)).toEqual([
    'ProvisioningState/failed/OverconstrainedAllocationRequest',
    'PowerState/deallocated',
  ])
  await azure.control('POST', 'capacity', { ...place, available: null })
  await compute.virtualMachines.start(group, 'stranded', quick)
  expect((await compute.virtualMachines.get(group, 'stranded')).provisioningState).toBe('Succeeded')
})

test('a price above what the owner would pay takes the machine', async () => {
  const { nicId } = await networkFor(azure, 'dear')
  const { compute } = azure
  const body = {
    ...spotMachine('dear', nicId),
    hardwareProfile: { vmSize: 'Standard_NV18ads_A10_v5' },
    billingProfile: { maxPrice: 1 },
  }
  await compute.virtualMachines.createOrUpdate(group, 'dear', body, quick)
  await azure.control('POST', 'price', { region, size: 'Standard_NV18ads_A10_v5', priority: 'Spot', usdPerHour: 1.5 })
  const power = async () => (await compute.virtualMachines.instanceView(group, 'dear')).statuses?.[1]?.code
  await expect.poll(power, { timeout: 5000, interval: 10 }).toBe('PowerState/deallocated')
  await expect(compute.virtualMachines.start(group, 'dear', quick)).rejects.toMatchObject({
    code: 'SpotPriceGreaterThanProvidedMaxPrice',
  })
})
