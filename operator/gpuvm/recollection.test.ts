import { expect, test } from 'vitest'
import { AzureError, BUDGET_SPENT } from '../azure/errors.ts'
import type { Azure, Place } from '../azure/provider.ts'
import { recollection, recollections } from './recollection.ts'
import { machineOf, networkInterface, now, osDisk, publicIPAddress, UID, virtualMachine } from './sights.fixture.ts'

const place: Place = { subscriptionId: 'sub', resourceGroup: 'rg', region: 'westeurope' }
const signal = new AbortController().signal
const [ip, nic, os, vm] = [`gvm-${UID}-ip`, `gvm-${UID}-nic`, `gvm-${UID}-os`, `gvm-${UID}-vm-1`]

/** What Azure says to each look, and the names that were looked at. */
function stage(found: Partial<Record<'ip' | 'nic' | 'os' | 'vm', unknown>> = {}) {
  const looks: string[] = []
  let refusal: AzureError | undefined
  const says = (kind: keyof typeof found) => async (_place: Place, name: string) => {
    looks.push(name)
    return found[kind]
  }
  const done = async () => {
    if (refusal) throw refusal
    return { poller: '{}' }
  }
  const azure: Azure = new Proxy(Object.create(null), {
    ownKeys: () => Object.keys(methods),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    get: (_target, method) => Reflect.get(methods, method),
  })
  const methods = {
    publicIPAddress: says('ip'),
    networkInterface: says('nic'),
    disk: says('os'),
    virtualMachine: says('vm'),
    putNetworkInterface: done,
    deleteVirtualMachine: done,
  }
  const refuse = (error: AzureError) => {
    refusal = error
  }
  return { azure, looks, found, refuse }
}

const putInterface = (azure: Azure) =>
  azure.putNetworkInterface(
    place,
    { name: nic, subnetId: 's', publicIPAddressId: 'p', networkSecurityGroupId: undefined, tags: {} },
    signal,
  )

test('what is at rest is looked at once, what Azure is still at work on each time', async () => {
  const { azure, looks } = stage({ nic: networkInterface, ip: { ...publicIPAddress, provisioningState: 'Updating' } })
  const known = recollection()
  for (const pass of [1, 2]) {
    const through = known.through(azure)
    expect(await through.networkInterface(place, nic, signal)).toEqual(networkInterface)
    await through.publicIPAddress(place, ip, signal)
    expect(known.wasUsed).toBe(pass === 2)
  }
  expect(looks).toEqual([nic, ip, ip])
})

test('a VM that stands is looked at in every pass; that there is none is remembered', async () => {
  const { azure, looks, found } = stage({ vm: virtualMachine() })
  const through = recollection().through(azure)
  for (let pass = 0; pass < 2; pass += 1) await through.virtualMachine(place, vm, signal)
  found.vm = undefined
  for (let pass = 0; pass < 2; pass += 1) await through.virtualMachine(place, vm, signal)
  expect(looks).toEqual([vm, vm, vm])
})

test('a VM tells of its disks; once its deletion has ended they are free, and unknown when it is simply gone', async () => {
  const { azure, looks, found } = stage({ vm: virtualMachine(), os: osDisk })
  const known = recollection()
  const through = known.through(azure)
  await through.virtualMachine(place, vm, signal)
  expect(await through.disk(place, os, signal)).toMatchObject({ managedBy: virtualMachine().id })
  known.isDeleted(vm)
  expect(await through.disk(place, os, signal)).toMatchObject({ id: osDisk.id, managedBy: undefined })
  expect(looks).toEqual([vm])

  const other = recollection().through(azure)
  await other.virtualMachine(place, vm, signal)
  found.vm = undefined
  await other.virtualMachine(place, vm, signal)
  await other.disk(place, os, signal)
  expect(looks.slice(1)).toEqual([vm, vm, os])
})

test('what a call changes is looked at again; a call that fails makes all of it unknown, one that was never sent nothing', async () => {
  const { azure, looks, refuse } = stage({ nic: networkInterface, ip: publicIPAddress })
  const through = recollection().through(azure)
  const look = async () => {
    looks.length = 0
    await through.networkInterface(place, nic, signal)
    await through.publicIPAddress(place, ip, signal)
    return [...looks]
  }
  expect(await look()).toEqual([nic, ip])
  await putInterface(through)
  expect(await look()).toEqual([nic])
  refuse(new AzureError(BUDGET_SPENT, 'Later.'))
  await expect(putInterface(through)).rejects.toThrow()
  expect(await look()).toEqual([])
  refuse(new AzureError('AzureUnreachable', 'No answer.'))
  await expect(putInterface(through)).rejects.toThrow()
  expect(await look()).toEqual([nic, ip])
})

test('only what came after this process had begun is known to be new', async () => {
  const { azure, looks } = stage()
  const memories = recollections()
  const heard = async (uid: string, creationTimestamp: string, status: 'None' | undefined) => {
    looks.length = 0
    const machine = machineOf({ metadata: { creationTimestamp }, ...(status && { status }) })
    const memory = memories.of({ uid, rootUid: UID, machine, now })
    await memory.through(azure).networkInterface(place, nic, signal)
    return { looks: looks.length, secret: memory.hasBootstrapSecret }
  }
  const later = new Date(now.getTime() + 5000).toISOString()
  const earlier = new Date(now.getTime() - 5000).toISOString()
  expect(await heard('older', earlier, 'None')).toEqual({ looks: 1, secret: undefined })
  expect(await heard('newer', later, 'None')).toEqual({ looks: 0, secret: false })
  expect(await heard('begun by another', later, undefined)).toEqual({ looks: 1, secret: undefined })
})

test('a VM that was seen to run is asked for again, unless nothing about it is in question', async () => {
  const { azure, looks, found } = stage({ vm: virtualMachine() })
  const known = recollection()
  const look = async (isStanding: boolean) =>
    await known.through(azure, { isStanding }).virtualMachine(place, vm, signal)
  await look(true)
  await look(true)
  await look(false)
  expect(looks).toEqual([vm, vm])
  found.vm = virtualMachine({ powerState: 'Stopped' })
  await look(false)
  await look(true)
  expect(looks).toHaveLength(4)
})

test('one that stands still before its successor is looked at once, until it was asked to be deleted', async () => {
  const { azure, looks, found } = stage({ vm: virtualMachine({ powerState: 'Deallocating' }) })
  const known = recollection()
  const look = async () => await known.through(azure, { predecessor: vm }).virtualMachine(place, vm, signal)
  await look()
  found.vm = virtualMachine({ powerState: 'Deallocated' })
  await look()
  expect(await look()).toMatchObject({ powerState: 'Deallocated' })
  expect(looks).toEqual([vm, vm])
  expect(known.wasUsed).toBe(true)
  await known.through(azure).virtualMachine(place, vm, signal)
  expect(looks, 'one that is no predecessor').toHaveLength(3)
  await known.through(azure, { predecessor: vm }).deleteVirtualMachine(place, vm, signal)
  await look()
  expect(looks, 'asked to be deleted').toHaveLength(4)
})

test('the address that a status names is known, if it is the one of its machine', async () => {
  const { azure, looks } = stage({ ip: publicIPAddress })
  const memories = recollections()
  const address = async (uid: string, id: string) => {
    const status = { publicIP: '20.1.2.3', resources: { publicIPAddress: id } }
    const memory = memories.of({ uid, rootUid: UID, machine: machineOf({ status }), now })
    return await memory.through(azure).publicIPAddress(place, ip, signal)
  }
  expect(await address('its own', publicIPAddress.id)).toMatchObject({ id: publicIPAddress.id, address: '20.1.2.3' })
  expect(looks).toEqual([])
  await address('of another', publicIPAddress.id.replace(ip, 'gvm-other-ip'))
  expect(looks).toEqual([ip])
})
