// What Azure tells beside the states of machines: notes on them, eviction rates, prices; and what it says that is out of date.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type AzureSimulator, group, networkFor, quick, region, spotMachine, startAzure } from './azure-simulator.ts'

let azure: AzureSimulator
beforeAll(async () => {
  azure = await startAzure('--speed=1000')
})
afterAll(async () => {
  expect(azure.complaints()).toBe('')
  await azure.stop()
})

const answer = z.object({
  totalRecords: z.number(),
  count: z.number(),
  resultTruncated: z.enum(['true', 'false']),
  data: z.array(z.record(z.string(), z.unknown())),
  $skipToken: z.string().optional(),
})

/** Rows of Resource Graph; of the first page alone. */
async function graph(query: string, more: Record<string, unknown> = {}) {
  const reply = await azure.arm('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
    body: { query, subscriptions: [azure.about.subscription], ...more },
  })
  expect(reply.status).toBe(200)
  return answer.parse(reply.body)
}

async function machineNamed(name: string): Promise<void> {
  const { nicId } = await networkFor(azure, name)
  await azure.compute.virtualMachines.createOrUpdate(group, name, spotMachine(name, nicId), quick)
}

async function notesOn(name: string) {
  const { data } = await graph(`HealthResources
    | where type =~ 'microsoft.resourcehealth/resourceannotations'
    | where properties.targetResourceId =~ '/subscriptions/${azure.about.subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${name}'
    | project annotation = tostring(properties.annotationName), context = properties.context`)
  return data
}

const power = async (name: string) =>
  (await azure.compute.virtualMachines.instanceView(group, name)).statuses?.find(one =>
    one.code?.startsWith('PowerState/'),
  )?.code

test('Resource Graph tells an eviction from a deallocation that somebody asked for, and both late', async () => {
  await machineNamed('taken')
  await machineNamed('let-go')
  expect(await notesOn('taken')).toEqual([])
  await azure.control('POST', 'evict', { vm: 'taken' })
  await azure.compute.virtualMachines.deallocate(group, 'let-go', quick)
  await expect
    .poll(() => notesOn('taken'), { timeout: 5000, interval: 10 })
    .toEqual([{ annotation: 'VirtualMachinePreempted', context: 'Platform Initiated' }])
  await expect
    .poll(() => notesOn('let-go'), { timeout: 5000, interval: 10 })
    .toEqual([{ annotation: 'VirtualMachineDeallocationInitiated', context: 'Customer Initiated' }])
})

test('a broken host silences the machine, and only what is inside shows it until it is redeployed', async () => {
  const lives = z.object({ events: z.array(z.object({ vmName: z.string(), reason: z.string() })) })
  const life = async () =>
    lives
      .parse(await azure.control('GET', 'guests?since=0'))
      .events.filter(({ vmName }) => vmName === 'sick')
      .map(({ reason }) => reason)
  await machineNamed('sick')
  await azure.control('POST', 'host-failure', { vm: 'sick' })
  expect(await power('sick')).toBe('PowerState/running')
  const agent = async () =>
    (await azure.compute.virtualMachines.instanceView(group, 'sick')).vmAgent?.statuses?.[0]?.displayStatus
  expect(await agent()).toBe('Not Ready')
  await azure.compute.virtualMachines.restart(group, 'sick', quick)
  expect(await life()).toEqual(['created', 'hostFailed'])
  await azure.compute.virtualMachines.redeploy(group, 'sick', quick)
  expect(await life()).toEqual(['created', 'hostFailed', 'redeployed'])
  expect(await agent()).toBe('Ready')
  await expect
    .poll(() => notesOn('sick'), { timeout: 5000, interval: 10 })
    .toEqual([{ annotation: 'VirtualMachineHostRebootedForRepair', context: 'Platform Initiated' }])
  await expect(azure.control('POST', 'host-failure', { vm: 'nobody' })).rejects.toThrow('is not running')
})

test('a VM agent that is not heard shows in the instance view alone, until it is heard or boots again', async () => {
  await machineNamed('mute')
  const agent = async () => {
    const { vmAgent } = await azure.compute.virtualMachines.instanceView(group, 'mute')
    return [vmAgent?.statuses?.[0]?.displayStatus, await power('mute')]
  }
  const hears = (ready: boolean) => azure.control('POST', 'agent', { vm: 'mute', ready })
  await hears(false)
  expect(await agent()).toEqual(['Not Ready', 'PowerState/running'])
  await hears(true)
  expect(await agent()).toEqual(['Ready', 'PowerState/running'])
  await hears(false)
  await azure.compute.virtualMachines.redeploy(group, 'mute', quick)
  expect(await agent()).toEqual(['Ready', 'PowerState/running'])
  expect(await notesOn('mute')).toEqual([])
  await expect(azure.control('POST', 'agent', { vm: 'nobody', ready: true })).rejects.toThrow('is not running')
})

test('eviction rates and Spot prices are asked for by size and region', async () => {
  const query = `SpotResources
    | where type =~ 'microsoft.compute/skuspotevictionrate/location'
    | where sku.name in~ ('Standard_NV6ads_A10_v5', 'standard_nc4as_t4_v3') and location =~ '${region}'
    | project size = tostring(sku.name), location, rate = tostring(properties.evictionRate)
    | order by size asc`
  const { data } = await graph(query)
  expect(data).toMatchObject([
    { size: 'standard_nc4as_t4_v3', location: region },
    { size: 'standard_nv6ads_a10_v5', location: region },
  ])
  for (const { rate } of data) expect(['0-5', '5-10', '10-15', '15-20', '20+']).toContain(rate)
  await azure.control('POST', 'eviction-rate', { region, size: 'Standard_NV6ads_A10_v5', rate: '20+' })
  expect((await graph(query)).data[1]).toMatchObject({ rate: '20+' })

  await azure.control('POST', 'price', { region, size: 'Standard_NV6ads_A10_v5', priority: 'Spot', usdPerHour: 0.07 })
  const prices = await graph(`SpotResources
    | where type =~ 'microsoft.compute/skuspotpricehistory/ostype/location'
    | where sku.name =~ 'standard_nv6ads_a10_v5' and properties.osType =~ 'linux' and location =~ '${region}'
    | project price = todouble(properties.spotPrices[0].priceUSD)`)
  expect(prices.data).toEqual([{ price: 0.07 }])
})

test('retail prices are filtered and paged, spot ones by their meter', async () => {
  const item = z.object({
    armSkuName: z.string(),
    armRegionName: z.string(),
    meterName: z.string(),
    productName: z.string(),
    retailPrice: z.number(),
    currencyCode: z.literal('USD'),
    type: z.literal('Consumption'),
  })
  const shape = z.object({ Items: z.array(item), NextPageLink: z.string().nullable(), Count: z.number() })
  const filter =
    "armRegionName eq 'centralindia' and armSkuName eq 'Standard_NV6ads_A10_v5' and priceType eq 'Consumption'"
  const answer = await azure.ask('GET', `/api/retail/prices?$filter=${encodeURIComponent(filter)}`)
  const { Items, NextPageLink } = shape.parse(answer.body)
  expect(NextPageLink).toBeNull()
  const price = (spot: boolean) =>
    Items.find(one => one.meterName.endsWith(' Spot') === spot && !one.productName.endsWith('Windows'))?.retailPrice ??
    0
  expect(Items).toHaveLength(4)
  expect(price(true)).toBeLessThan(price(false) / 2)

  let pages = 0
  let all = 0
  for (let url: string | null = `${azure.about.listening}/api/retail/prices`; url !== null; pages += 1) {
    const one: z.infer<typeof shape> = shape.parse(
      (await azure.ask('GET', url.slice(azure.about.listening.length))).body,
    )
    all += one.Count
    url = one.NextPageLink
  }
  expect(pages).toBeGreaterThan(1)
  expect(all).toBe(9 * 8 * 4)
  const wrong = await azure.ask('GET', `/api/retail/prices?$filter=${encodeURIComponent('price gt 3')}`)
  expect(wrong.status).toBe(400)
})

test('long answers come in pages, and those of other subscriptions are empty', async () => {
  const all = await graph('SpotResources')
  let seen = 0
  let skipToken: string | undefined
  do {
    const options = { $top: 50, ...(skipToken === undefined ? {} : { $skipToken: skipToken }) }
    const page = await graph('SpotResources', { options })
    seen += page.count
    skipToken = page.$skipToken
  } while (skipToken !== undefined)
  expect(seen).toBe(all.totalRecords)
  expect((await graph('SpotResources', { subscriptions: ['another'] })).data).toEqual([])
})

test.each([
  ['an unknown table', 'Nothing'],
  ['an unknown operator', 'SpotResources | summarize count()'],
  ['an unknown condition', 'SpotResources | where location startswith "west"'],
])('a query with %s is refused with the place', async (_, query) => {
  const reply = await azure.arm('POST', '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01', {
    body: { query },
  })
  expect(reply).toMatchObject({
    status: 400,
    body: { error: { code: 'BadRequest', details: [{ code: 'InvalidQuery', message: expect.any(String) }] } },
  })
})

test('a stale list is the one from before, and reads of single machines are fresh', async () => {
  const { compute } = azure
  const names = async () => {
    const found: string[] = []
    for await (const machine of compute.virtualMachines.listAll({ statusOnly: 'true' })) found.push(machine.name ?? '')
    return found
  }
  await machineNamed('before')
  const before = await names()
  await azure.control('POST', 'faults', { match: { kind: 'LIST virtualMachines', times: 2 }, outcome: { stale: true } })
  await machineNamed('after')
  await compute.virtualMachines.delete(group, 'before', quick)
  expect(await names()).toEqual(before)
  expect((await compute.virtualMachines.get(group, 'after')).provisioningState).toBe('Succeeded')
  expect(await names()).toEqual(before)
  expect(await names()).toContain('after')
  expect(await names()).not.toContain('before')
})

test('errors may carry details and inner errors, at once and late', async () => {
  const failure = {
    code: 'ResourceOperationFailure',
    message: 'It went wrong.',
    target: 'vm',
    details: [{ code: 'AllocationFailed', message: 'There is none.' }],
    innererror: { code: 'Outer', innererror: { code: 'AllocationFailed' } },
  }
  const vm = `/subscriptions/{subscription}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines`
  await azure.control('POST', 'faults', {
    match: { kind: 'GET virtualMachines' },
    outcome: { status: 409, ...failure },
  })
  expect(await azure.arm('GET', `${vm}/any?api-version=2026-04-01`)).toMatchObject({
    status: 409,
    body: { error: failure },
  })
  await azure.control('POST', 'faults', { match: { kind: 'PUT virtualMachines' }, outcome: { failLate: failure } })
  // The SDK reports the innermost code alone.
  await expect(machineNamed('inner')).rejects.toThrow(/has failed\. AllocationFailed\./)
  expect((await azure.compute.virtualMachines.get(group, 'inner')).provisioningState).toBe('Failed')
})
