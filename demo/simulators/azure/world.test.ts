// Whatever is asked in whatever order, the simulated Azure stays one that could be: nothing dangles, nothing is held twice,
// every reply fits Azure's schema, and in the end all can be taken away.
import fc from 'fast-check'
import { beforeAll, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { serveArm, type WireReply } from './arm.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { serveControl } from './control.ts'
import { readOptions } from './options.ts'
import { noResources } from './resources.ts'
import { loadSchemas, type Schemas } from './schemas.ts'
import { advance, find, type Resource, type World } from './state.ts'
import type { Table } from './table.ts'
import { newWorld } from './world.ts'

const group = 'play'
const image = '/images/game'
const CAPACITY = 2
const MARGIN_SECONDS = 3600

let schemas: Schemas
beforeAll(async () => {
  schemas = await loadSchemas()
})

interface Run {
  world: World
  clock: ManualClock
  ask: (method: string, path: string, body?: unknown) => WireReply
}

function newRun(seed: number): Run {
  const args = [
    `--resource-group=${group}=westeurope`,
    `--virtual-network=${group}/net/vms=10.1.0.0/24`,
    `--image=${image}`,
  ]
  const place = 'westeurope/Standard_NV6ads_A10_v5'
  const limited = [`--capacity=${place}/Spot=${CAPACITY}`, `--capacity=${place}/Regular=${CAPACITY}`]
  const options = readOptions([...args, ...limited, '--clock=manual', `--seed=${seed}`, '--throttling=off'], () => seed)
  if (options === undefined) throw new Error('no options')
  const clock = manualClock(Date.UTC(2026, 0, 1))
  const world = newWorld(options, { clock, schemas })
  const [clientId = ''] = world.settings.clients
  world.tokens.set('token', { clientId, expiresAt: Number.POSITIVE_INFINITY })
  const ask = (method: string, path: string, body?: unknown) => {
    const url = new URL(`https://azure${path}`)
    const header = (name: string) => (name === 'authorization' ? 'Bearer token' : undefined)
    const request = { method, url, header, text: body === undefined ? '' : JSON.stringify(body) }
    return serveControl(world, request) ?? serveArm(world, request)
  }
  return { world, clock, ask }
}

function paths({ world }: Run, slot: number) {
  const base = `/subscriptions/${world.settings.subscription}/resourceGroups/${group}/providers`
  return {
    vm: (action = '') => `${base}/Microsoft.Compute/virtualMachines/vm-${slot}${action}?api-version=2026-04-01`,
    disk: `${base}/Microsoft.Compute/disks/vm-${slot}-os?api-version=2026-03-02`,
    diskId: `${base}/Microsoft.Compute/disks/vm-${slot}-os`,
    nic: `${base}/Microsoft.Network/networkInterfaces/nic-${slot}?api-version=2026-01-01`,
    nicId: `${base}/Microsoft.Network/networkInterfaces/nic-${slot}`,
    ip: `${base}/Microsoft.Network/publicIPAddresses/ip-${slot}?api-version=2026-01-01`,
    ipId: `${base}/Microsoft.Network/publicIPAddresses/ip-${slot}`,
    subnetId: `${base}/Microsoft.Network/virtualNetworks/net/subnets/vms`,
  }
}

interface Step {
  what: (typeof kinds)[number]
  /** Which machine, disk, NIC or address. */
  slot: number
  /** What it refers to. */
  other: number
  seconds: number
}

const kinds = [
  'ip',
  'nic',
  'nic',
  'spot',
  'spot',
  'regular',
  'attach',
  'attach',
  'keepNothing',
  'resize',
  'start',
  'deallocate',
  'powerOff',
  'restart',
  'evict',
  'deleteVm',
  'deleteVm',
  'deleteDisk',
  'deleteNic',
  'deleteIp',
  'pass',
  'pass',
  'pass',
  'read',
] as const

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ what: fc.constantFrom(...kinds), slot: fc.nat(3), other: fc.nat(3), seconds: fc.nat(90) }),
  { minLength: 10, maxLength: 60 },
)

function body(run: Run, { slot, other }: Step, priority: 'Spot' | 'Regular', made: 'FromImage' | 'Attach') {
  const to = paths(run, other)
  const osDisk =
    made === 'FromImage'
      ? { name: `vm-${slot}-os`, createOption: made }
      : { createOption: made, osType: 'Windows', managedDisk: { id: to.diskId } }
  return {
    location: 'westeurope',
    properties: {
      priority,
      ...(priority === 'Spot' ? { evictionPolicy: slot === 0 ? 'Delete' : 'Deallocate' } : {}),
      hardwareProfile: { vmSize: 'Standard_NV6ads_A10_v5' },
      storageProfile: { ...(made === 'FromImage' ? { imageReference: { id: image } } : {}), osDisk },
      ...(made === 'FromImage'
        ? { osProfile: { computerName: 'play', adminUsername: 'wasd', adminPassword: 'Correct-Horse-7' } }
        : {}),
      networkProfile: { networkInterfaces: [{ id: paths(run, slot).nicId }] },
    },
  }
}

function take(run: Run, step: Step): WireReply | undefined {
  const { ask } = run
  const at = paths(run, step.slot)
  const ofOther = paths(run, step.other)
  switch (step.what) {
    case 'ip':
      return ask('PUT', at.ip, {
        location: 'westeurope',
        sku: { name: 'Standard' },
        properties: { publicIPAllocationMethod: 'Static' },
      })
    case 'nic': {
      const properties = { subnet: { id: at.subnetId }, publicIPAddress: { id: ofOther.ipId } }
      return ask('PUT', at.nic, {
        location: 'westeurope',
        properties: { ipConfigurations: [{ name: 'main', properties }] },
      })
    }
    case 'spot':
      return ask('PUT', at.vm(), body(run, step, 'Spot', 'FromImage'))
    case 'regular':
      return ask('PUT', at.vm(), body(run, step, 'Regular', 'FromImage'))
    case 'attach':
      return ask('PUT', at.vm(), body(run, step, 'Regular', 'Attach'))
    case 'keepNothing':
      return ask('PATCH', at.vm(), {
        properties: {
          networkProfile: { networkInterfaces: [{ id: at.nicId, properties: { deleteOption: 'Delete' } }] },
        },
      })
    case 'resize':
      return ask('PATCH', at.vm(), {
        properties: {
          hardwareProfile: { vmSize: step.other < 2 ? 'Standard_NV6ads_A10_v5' : 'Standard_NV12ads_A10_v5' },
        },
      })
    case 'start':
    case 'deallocate':
    case 'powerOff':
    case 'restart':
      return ask('POST', at.vm(`/${step.what}`))
    case 'evict':
      return ask('POST', at.vm('/simulateEviction'))
    case 'deleteVm':
      return ask('DELETE', at.vm())
    case 'deleteDisk':
      return ask('DELETE', at.disk)
    case 'deleteNic':
      return ask('DELETE', at.nic)
    case 'deleteIp':
      return ask('DELETE', at.ip)
    case 'read':
      return ask('GET', at.vm())
    case 'pass':
      pass(run, step.seconds)
      return undefined
    default:
      return step.what satisfies never
  }
}

function pass({ world, clock }: Run, seconds: number): void {
  clock.advance(seconds)
  advance(world, clock.now())
}

function checkSound(run: Run): void {
  const { world } = run
  for (const disk of world.disks.all()) {
    if (disk.managedBy !== undefined) expect(find(world.machines, disk.managedBy)).toBeDefined()
  }
  const addresses: string[] = []
  for (const nic of world.networkInterfaces.all()) {
    if (nic.machineId !== undefined) expect(find(world.machines, nic.machineId)).toBeDefined()
    for (const { publicIpId } of nic.ipConfigurations) {
      if (publicIpId === undefined) continue
      addresses.push(publicIpId)
      expect(find(world.publicIps, publicIpId)).toBeDefined()
    }
  }
  expect(new Set(addresses).size).toBe(addresses.length)
  const given = world.publicIps.all().flatMap(({ ipAddress }) => ipAddress ?? [])
  expect(new Set(given).size).toBe(given.length)
  for (const { available } of world.capacity.values()) {
    expect(available).toBeGreaterThanOrEqual(0)
    expect(available).toBeLessThanOrEqual(CAPACITY)
  }
  for (const machine of world.machines.all()) {
    expect(machine.guestRunning).toBe(
      machine.powerState === 'running' &&
        world.guests.events.findLast(one => one.vmId === machine.vmId)?.state === 'running',
    )
    expect(world.networkInterfaces.all().filter(nic => nic.machineId === machine.id).length).toBe(1)
  }
  checkIndexed(world)
  const state = run.ask('GET', '/simulator/state')
  expect(state.status).toBe(200)
}

/** What is found by a reference is what a look at everything finds. */
function checkIndexed(world: World): void {
  const anew = noResources()
  refile(world.machines, anew.machines)
  refile(world.disks, anew.disks)
  refile(world.publicIps, anew.publicIps)
  refile(world.networkInterfaces, anew.networkInterfaces)
  refile(world.virtualNetworks, anew.virtualNetworks)
}

function refile<R extends Resource, Name extends string>(table: Table<R, Name>, fresh: Table<R, Name>): void {
  for (const resource of table.all()) fresh.add(resource)
  const found = (all: Table<R, Name>) =>
    all.names.map(name => [...all.groups(name)].map(alike => [...alike].map(({ id }) => id).sort()).sort())
  expect(found(table)).toEqual(found(fresh))
}

test('any sequence of requests leaves a sound Azure, and all of it can be taken away', () => {
  const mistakes = vi.spyOn(console, 'error')
  fc.assert(
    fc.property(steps, fc.nat(1000), (sequence, seed) => {
      const run = newRun(seed)
      for (const what of ['ip', 'nic', 'spot'] as const) {
        for (let slot = 0; slot < 3; slot += 1) take(run, { what, slot, other: slot, seconds: 0 })
        pass(run, MARGIN_SECONDS)
      }
      expect([run.world.networkInterfaces.size, run.world.machines.size]).toEqual([3, 3])
      for (const step of sequence) {
        const reply = take(run, step)
        expect(reply?.status ?? 200).toBeLessThan(500)
        checkSound(run)
      }
      pass(run, MARGIN_SECONDS)
      expect([...run.world.operations.values()].filter(one => one.status === 'InProgress')).toEqual([])
      for (const what of ['deleteVm', 'deleteDisk', 'deleteNic', 'deleteIp'] as const) {
        for (let slot = 0; slot < 4; slot += 1) take(run, { what, slot, other: 0, seconds: 0 })
        pass(run, MARGIN_SECONDS)
      }
      const { machines, disks, networkInterfaces, publicIps } = run.world
      expect([machines.size, disks.size, networkInterfaces.size, publicIps.size]).toEqual([0, 0, 0, 0])
      // Each machine that booted has stopped, in turn.
      const last = new Map<string, string>()
      for (const { vmId, state, reason } of run.world.guests.events) {
        if (reason !== 'preempt') expect(last.get(vmId) ?? 'stopped').not.toBe(state)
        last.set(vmId, state)
      }
      expect([...last.values()].filter(state => state === 'running')).toEqual([])
    }),
    { numRuns: 150 },
  )
  expect(mistakes).not.toHaveBeenCalled()
}, 30_000)

test('a list comes in pages of two hundred where nothing else is asked for, each thing once', () => {
  const run = newRun(1)
  const base = `/subscriptions/${run.world.settings.subscription}`
  const version = 'api-version=2026-03-02'
  for (let number = 0; number < 401; number += 1) {
    const properties = { creationData: { createOption: 'Empty' }, diskSizeGB: 4 }
    const path = `${base}/resourceGroups/${group}/providers/Microsoft.Compute/disks/disk-${number}?${version}`
    expect(run.ask('PUT', path, { location: 'westeurope', properties }).status).toBe(202)
  }
  const shape = z.object({ value: z.array(z.object({ name: z.string() })), nextLink: z.string().optional() })
  const pages: string[][] = []
  for (let next: string | undefined = `${base}/providers/Microsoft.Compute/disks?${version}`; next !== undefined; ) {
    const page: z.infer<typeof shape> = shape.parse(run.ask('GET', next).body)
    pages.push(page.value.map(({ name }) => name))
    next = page.nextLink?.replace('https://azure', '')
  }
  expect(pages.map(page => page.length)).toEqual([200, 200, 1])
  expect(new Set(pages.flat()).size).toBe(401)
})

test('a request is held back or refused: beyond a thousand that are held, the next is told so', () => {
  const run = newRun(1)
  const match = { kind: 'DELETE disks' }
  run.ask('POST', '/simulator/faults', { match: { ...match, times: null }, outcome: { holdBack: true } })
  const asked = Array.from({ length: 1001 }, () => run.ask('DELETE', paths(run, 1).disk))
  expect(asked.filter(({ cut }) => cut)).toHaveLength(1000)
  expect(asked.at(-1)).toMatchObject({ status: 503, body: { error: { code: 'ServerBusy' } } })
})
