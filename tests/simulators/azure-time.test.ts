// Azure's time, moved by hand: what takes how long, what overtakes what, what runs out, and that a run can be repeated.
import { request } from 'node:https'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { address, azuresByHand, by, disk, nic, operationOf, snapshot, vm } from './azure-by-hand.ts'
import { region } from './azure-simulator.ts'

const azureByHand = azuresByHand()

test('an operation takes its time, and is asked for at both of its addresses', async () => {
  const azure = await azureByHand()
  const { call, pass, network, put, states } = by(azure)
  await network('slow')
  const created = await put('slow', 'slow')
  expect(created).toMatchObject({ status: 201, body: { properties: { provisioningState: 'Creating' } } })
  expect(created.headers['retry-after']).toBe('10')
  const status = operationOf(azure, created)
  expect(await call('GET', status)).toMatchObject({ status: 200, body: { status: 'InProgress' } })
  await pass(49)
  expect(await states('slow')).toEqual(['ProvisioningState/creating'])
  await pass(1)
  expect(await call('GET', status)).toMatchObject({ status: 200, body: { status: 'Succeeded' } })
  expect(await states('slow')).toEqual(['ProvisioningState/succeeded', 'PowerState/running'])

  const stopped = await call('POST', `${vm('slow')}/deallocate`)
  expect(stopped.status).toBe(202)
  expect(await states('slow')).toEqual(['ProvisioningState/updating', 'PowerState/deallocating'])
  const result = String(stopped.headers.location).replace(azure.about.listening, '')
  expect((await call('GET', result)).status).toBe(202)
  await pass(35)
  expect((await call('GET', result)).status).toBe(200)
  expect(await states('slow')).toEqual(['ProvisioningState/succeeded', 'PowerState/deallocated'])
})

test('moved by hand a second is as many of Azure as the speed says', async () => {
  const azure = await azureByHand('--speed=10')
  const { pass, network, put, states } = by(azure)
  await network('quick')
  await put('quick', 'quick')
  await pass(4.9)
  expect(await states('quick')).toEqual(['ProvisioningState/creating'])
  await pass(0.1)
  expect(await states('quick')).toEqual(['ProvisioningState/succeeded', 'PowerState/running'])
})

test('a notice runs its time before the machine stops', async () => {
  const azure = await azureByHand()
  const { pass, network, put, states, events } = by(azure)
  await network('warned')
  await put('warned', 'warned')
  await pass(50)
  await azure.control('POST', 'evict', { region })
  await pass(29)
  expect(await states('warned')).toEqual(['ProvisioningState/succeeded', 'PowerState/running'])
  await pass(1)
  expect(await states('warned')).toEqual(['ProvisioningState/succeeded', 'PowerState/deallocating'])
  await pass(20)
  expect(await states('warned')).toEqual(['ProvisioningState/succeeded', 'PowerState/deallocated'])
  const [, notice, stop] = await events()
  expect(Date.parse(stop?.time ?? '') - Date.parse(notice?.time ?? '')).toBe(30_000)
})

test('a deletion overtakes a creation, and what it holds is free only at its end', async () => {
  const azure = await azureByHand()
  const { call, pass, network, put } = by(azure)
  await network('brief')
  await network('next')
  const creation = operationOf(azure, await put('brief', 'brief'))
  await pass(10)
  const again = await put('brief', 'brief')
  expect(again).toMatchObject({ status: 409, body: { error: { code: 'Conflict' } } })
  expect((await call('DELETE', vm('brief'))).status).toBe(202)
  expect(await call('GET', creation)).toMatchObject({
    body: { status: 'Failed', error: { code: 'OperationPreempted' } },
  })

  const diskId = disk('brief-os').replace('{subscription}', azure.about.subscription)
  const attached = {
    location: region,
    properties: {
      priority: 'Regular',
      hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' },
      storageProfile: { osDisk: { osType: 'Windows', createOption: 'Attach', managedDisk: { id: diskId } } },
      networkProfile: { networkInterfaces: [{ id: nic('next').replace('{subscription}', azure.about.subscription) }] },
    },
  }
  const early = await call('PUT', vm('after'), attached)
  expect(early).toMatchObject({ status: 409, body: { error: { code: 'AttachDiskWhileBeingDetached' } } })
  await pass(40)
  expect((await call('GET', vm('brief'))).status).toBe(404)
  expect((await call('DELETE', vm('brief'))).status).toBe(204)
  expect((await call('PUT', vm('after'), attached)).status).toBe(201)
})

test('a NIC is kept three minutes for the machine whose creation failed', async () => {
  const azure = await azureByHand()
  const { call, pass, network, put } = by(azure)
  await network('kept')
  await azure.control('POST', 'faults', {
    match: { kind: 'PUT virtualMachines' },
    outcome: { failLate: { code: 'AllocationFailed', message: 'No.' } },
  })
  await put('kept', 'kept')
  await pass(50)
  await call('DELETE', vm('kept'))
  await pass(40)
  const refused = { status: 400, body: { error: { code: 'NicReservedForAnotherVm' } } }
  expect(await put('other', 'kept')).toMatchObject(refused)
  expect(await call('DELETE', nic('kept'))).toMatchObject(refused)
  await pass(139)
  expect(await call('DELETE', nic('kept'))).toMatchObject(refused)
  await pass(1)
  expect((await put('other', 'kept')).status).toBe(201)
})

test('an operation takes as long as it is told to, and one that fails late leaves a resource that says so and why', async () => {
  const azure = await azureByHand()
  const { call, pass, network } = by(azure)
  await network('slow')
  await azure.control('POST', 'faults', { match: { kind: 'DELETE networkInterfaces' }, outcome: { workSeconds: 600 } })
  expect((await call('DELETE', nic('slow'))).status).toBe(202)
  await pass(599)
  expect((await call('GET', nic('slow'))).body).toMatchObject({ properties: { provisioningState: 'Deleting' } })
  await pass(1)
  expect((await call('GET', nic('slow'))).status).toBe(404)

  await network('kept')
  const failure = { code: 'ScopeLocked', message: 'It is locked.' }
  await azure.control('POST', 'faults', { match: { kind: 'DELETE networkInterfaces' }, outcome: { failLate: failure } })
  const { headers } = await call('DELETE', nic('kept'))
  await pass(10)
  expect((await call('GET', nic('kept'))).body).toMatchObject({ properties: { provisioningState: 'Failed' } })
  const { pathname, search } = new URL(String(headers['azure-asyncoperation']))
  expect(await azure.arm('GET', pathname + search)).toMatchObject({ body: { status: 'Failed', error: failure } })
  expect((await call('DELETE', nic('kept'))).status).toBe(202)
})

test('a copy to another region can stand still for good when its operation has ended well, and tells why', async () => {
  const azure = await azureByHand()
  const { call, pass } = by(azure)
  const make = async (path: string, createOption: string, source?: string) => {
    const sourceResourceId = source?.replace('{subscription}', azure.about.subscription)
    const location = createOption === 'CopyStart' ? 'northeurope' : region
    const creationData = { createOption, ...(source !== undefined && { sourceResourceId }) }
    const kind = source === undefined ? { diskSizeGB: 64 } : { incremental: true }
    return await call('PUT', path, { location, properties: { ...kind, creationData } })
  }
  await make(disk('saves'), 'Empty')
  await pass(5)
  await make(snapshot('taken'), 'Copy', disk('saves'))
  await pass(10)

  const match = { kind: 'PUT snapshots', resource: 'scripted' }
  await azure.control('POST', 'faults', { match, outcome: { failCopy: { message: 'It stood still.' } } })
  for (const name of ['scripted', 'orphan']) await make(snapshot(name), 'CopyStart', snapshot('taken'))
  const copies = async (name: string) => (await call('GET', snapshot(name))).body
  await pass(59)
  for (const name of ['scripted', 'orphan'])
    expect(await copies(name)).toMatchObject({ properties: { provisioningState: 'Succeeded', completionPercent: 49 } })
  expect(await copies('scripted')).not.toHaveProperty('properties.copyCompletionError')
  await pass(1)
  const copyCompletionError = { errorCode: 'CopySourceNotFound', errorMessage: 'It stood still.' }
  const stands = { properties: { provisioningState: 'Succeeded', completionPercent: 50, copyCompletionError } }
  expect(await copies('scripted')).toMatchObject(stands)

  await call('DELETE', snapshot('taken'))
  await pass(10)
  const gone = { completionPercent: 58, copyCompletionError: { errorCode: 'CopySourceNotFound' } }
  expect(await copies('orphan')).toMatchObject({ properties: gone })
  await pass(3600)
  expect(await copies('orphan')).toMatchObject({ properties: gone })
  expect(await copies('scripted')).toMatchObject(stands)
  const made = await call('PUT', disk('made'), {
    location: 'northeurope',
    properties: {
      creationData: {
        createOption: 'Copy',
        sourceResourceId: snapshot('scripted').replace('{subscription}', azure.about.subscription),
      },
    },
  })
  expect(made).toMatchObject({ status: 409, body: { error: { code: 'OperationNotAllowed' } } })
})

test('the network locks what is at work', async () => {
  const azure = await azureByHand()
  const { call, pass } = by(azure)
  const body = { location: region, sku: { name: 'Standard' }, properties: { publicIPAllocationMethod: 'Static' } }
  const created = await call('PUT', address('locked'), body)
  expect(created.body).not.toHaveProperty('properties.ipAddress')
  expect(await call('PUT', address('locked'), body)).toMatchObject({
    status: 429,
    body: { error: { code: 'RetryableErrorDueToAnotherOperation' } },
  })
  await pass(3)
  expect(await call('GET', address('locked'))).toHaveProperty('body.properties.ipAddress')
})

test('an access token runs out by the wall, since its holder counts so', async () => {
  const azure = await azureByHand('--token-lifetime-seconds=1')
  const token = await azure.credential.getToken('https://management.azure.com/.default')
  const headers = { authorization: `Bearer ${token.token}` }
  const path = `/subscriptions/${azure.about.subscription}?api-version=2022-09-01`
  expect((await azure.ask('GET', path, { headers })).status).toBe(200)
  await azure.control('POST', 'time', { advanceSeconds: 86_400 })
  await expect
    .poll(() => azure.ask('GET', path, { headers }), { timeout: 5000 })
    .toMatchObject({ status: 401, body: { error: { code: 'ExpiredAuthenticationToken' } } })
})

test('a day passes in no time, and the list now and then hides a power state', async () => {
  const azure = await azureByHand('--omit-power-state=0.5', '--page-size=3')
  const { call, pass, network, put } = by(azure)
  for (let index = 0; index < 8; index += 1) {
    await network(`fleet-${index}`)
    await put(`fleet-${index}`, `fleet-${index}`)
  }
  await pass(86_400)
  const shape = z.object({
    value: z.array(z.object({ properties: z.object({ instanceView: z.object({ statuses: z.array(z.unknown()) }) }) })),
    nextLink: z.string().optional(),
  })
  const lengths: number[] = []
  const seen: number[] = []
  let path: string | undefined =
    '/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines?statusOnly=true&api-version=2026-04-01'
  while (path !== undefined) {
    const page: z.infer<typeof shape> = shape.parse((await call('GET', path)).body)
    lengths.push(page.value.length)
    seen.push(...page.value.map(machine => machine.properties.instanceView.statuses.length))
    path = page.nextLink?.replace(azure.about.listening, '')
  }
  expect(lengths).toEqual([3, 3, 2])
  expect(new Set(seen)).toEqual(new Set([1, 2]))
})

test('Resource Graph tells of a machine only when its time has come', async () => {
  const azure = await azureByHand('--resource-graph-seconds=100')
  const { pass, network, put } = by(azure)
  await network('late')
  await put('late', 'late')
  await pass(50)
  await azure.control('POST', 'evict', { vm: 'late', noticeSeconds: 0 })
  const notes = async () => {
    const path = '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01'
    const reply = await azure.arm('POST', path, { body: { query: 'healthresources' } })
    return z.object({ totalRecords: z.number() }).parse(reply.body).totalRecords
  }
  await pass(99)
  expect(await notes()).toBe(0)
  await pass(1)
  expect(await notes()).toBe(1)
})

test('the same seed and the same requests give the same Azure, however often it is looked at', async () => {
  const run = async (seed: number, looks: number) => {
    const azure = await azureByHand(
      '--jitter=0.5',
      `--seed=${seed}`,
      '--delay=publicIP=1',
      '--delay=nic=1',
      '--throttling=off',
    )
    const { call, events, pass, network, put } = by(azure)
    await network('twin')
    await put('twin', 'twin')
    for (let second = 0; second < 80; second += 1) {
      await pass(1)
      for (let look = 0; look < looks; look += 1) await call('GET', vm('twin'))
    }
    await azure.control('POST', 'evict', { vm: 'twin' })
    await pass(120)
    await call('DELETE', vm('twin'))
    const begun = Date.parse((await events())[0]?.time ?? '')
    const told = (await events()).map(({ time, ...event }) => ({ ...event, after: Date.parse(time) - begun }))
    const state = JSON.stringify(await azure.control('GET', 'state'))
    return JSON.stringify({ told, state: state.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'then') })
  }
  const [first, looked, other] = await Promise.all([run(11, 0), run(11, 1), run(12, 0)])
  expect(looked).toBe(first)
  expect(other).not.toBe(first)
})

test('a reader of the guests is answered when something happens, by a poll or a stream', async () => {
  const azure = await azureByHand()
  const { pass, network, put } = by(azure)
  await network('told')
  const poll = azure.control('GET', 'guests?since=1&waitSeconds=30')
  const streamed = new Promise<string>((resolve, reject) => {
    const sent = request(
      `${azure.about.listening}/simulator/guests`,
      { ca: azure.caText, headers: { accept: 'text/event-stream' } },
      response => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
          if (!text.includes('data: ')) return
          resolve(text)
          response.destroy()
        })
      },
    )
    sent.on('error', reject)
    sent.end()
  })
  await put('told', 'told')
  await pass(50)
  expect(await poll).toMatchObject({ events: [{ vmName: 'told', state: 'running', reason: 'created' }], next: 2 })
  expect(await streamed).toMatch(/id: 1\ndata: \{.*"vmName":"told"/)
})
