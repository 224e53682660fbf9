// What Azure refuses, at once or late, of all that is no creation of a VM: address, interface, group, and every removal.
// One code for each kind of decision is put to every call that can hear it; that each code leads to its decision is for
// the table's own test, and what a VM's PUT hears for refusals.test.ts. The machines are one namespace's, all at once.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { decideOn } from '../../operator/azure/decisions.ts'
import { AzureError } from '../../operator/azure/errors.ts'
import type { ArmCall } from './support/azure.ts'
import type { Operator } from './support/operator.ts'
import { isRefused, type Scene, SPEED, startWorld, type World } from './support/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

/** Nearly the five minutes after which it is asked again, in the operator's time: a slow test looks later, and asks the same. */
const STALLED_MILLISECONDS = 290_000 / SPEED
/** Machines at one time. */
const LANES = 20

/** A resource's making, or its removal with the machine, or that of the VM which a successor replaces. */
interface Asked {
  kind: string
  during: 'Creation' | 'Deletion' | 'Replacement'
}
const asked: Asked[] = [
  { kind: 'PUT publicIPAddresses', during: 'Creation' },
  { kind: 'PUT networkInterfaces', during: 'Creation' },
  { kind: 'PUT networkSecurityGroups', during: 'Creation' },
  { kind: 'DELETE virtualMachines', during: 'Replacement' },
  { kind: 'DELETE virtualMachines', during: 'Deletion' },
  { kind: 'DELETE networkInterfaces', during: 'Deletion' },
  { kind: 'DELETE publicIPAddresses', during: 'Deletion' },
  { kind: 'DELETE networkSecurityGroups', during: 'Deletion' },
  { kind: 'DELETE disks', during: 'Deletion' },
]

interface Case extends Asked {
  when: 'at once' | 'late'
  code: string
}
const MESSAGE = 'Said by the simulator.'
const decisionOn = (code: string) => decideOn(new AzureError(code, MESSAGE, { status: 409 }))

function casesOf(one: Asked): Case[] {
  const { kind, during } = one
  const is = (when: Case['when'], ...codes: string[]) => codes.map(code => ({ ...one, when, code }))
  // Azure's own fault at once is no answer, which has tests of its own.
  const mending = [...is('at once', 'AnotherOperationInProgress'), ...is('late', 'InternalExecutionError')]
  if (during !== 'Creation') return [...mending, ...is('at once', 'AuthorizationFailed'), ...is('late', 'ScopeLocked')]
  const full = kind === 'PUT networkInterfaces' ? 'SubnetIsFull' : 'PublicIPCountLimitReached'
  return [
    ...mending,
    ...is('at once', 'RequestDisallowedByPolicy', full),
    ...is('late', 'RequestDisallowedByPolicy', full),
  ]
}

const isRunning = ({ status }: GpuVm) => status?.powerState === 'Running'
const stallOf = ({ status }: GpuVm) => condition(status?.conditions, 'Stalled')

/** A machine on the eve of the call, and what brings it to make it. */
async function onTheEve(scene: Scene, { kind, during }: Asked, name: string) {
  const spec = kind.endsWith('networkSecurityGroups') ? { clientCIDRs: ['203.0.113.7/32'] } : {}
  if (during === 'Creation') {
    const uid = await scene.apply(name, spec, { annotations: { 'wasd.cloud/suspend': '' } })
    return { uid, begin: async () => void (await scene.annotate(name, { 'wasd.cloud/suspend': null })) }
  }
  const uid = await scene.apply(name, spec)
  await scene.machine(name, 'runs', isRunning)
  if (during === 'Deletion') return { uid, begin: async () => void (await scene.delete(name)) }
  return { uid, begin: async () => void (await scene.change(name, { size: 'Standard_NV6ads_A10_v5' })) }
}

async function comesAbout(scene: Scene, { during }: Asked, name: string): Promise<void> {
  if (during === 'Deletion') return void (await scene.gone(name))
  const isNew = ({ status }: GpuVm) => during === 'Creation' || status?.size === 'Standard_NV6ads_A10_v5'
  const machine = await scene.machine(name, 'runs as it is asked to', one => isRunning(one) && isNew(one))
  expect(stallOf(machine)).toBeUndefined()
}

/** What was not deleted to see how that goes. */
async function clear(scene: Scene, name: string): Promise<void> {
  if (await scene.get(name)) await scene.delete(name)
  await scene.gone(name)
}

async function goesWell(scene: Scene, operator: Operator, one: Case, index: number): Promise<void> {
  const { kind, when, code } = one
  const what = `${kind} (${one.during}) refused ${when} by ${code}`
  const name = `part-${index}`
  const { uid, begin } = await onTheEve(scene, one, name)
  const decision = decisionOn(code)
  const mends = decision.do === 'Retry' || decision.do === 'LookAgain'
  const outcome =
    when === 'at once' ? { status: 409, code, message: MESSAGE } : { failLate: { code, message: MESSAGE } }
  const fault = await world.azure.fault({ kind, resource: uid, times: mends ? 1 : null }, outcome)
  const calls = async (isMeant: (call: ArmCall) => boolean = () => true) =>
    (await world.azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid) && isMeant(call)).length
  await begin()

  if (decision.do === 'Stall') {
    const machine = await scene.machine(name, `is stalled: ${what}`, found => stallOf(found)?.reason === code)
    expect(stallOf(machine)?.message, what).toContain(`${MESSAGE} ${decision.remedy}`)
    expect(machine.status?.lastError, what).toMatchObject({ code, retryable: false, step: expect.any(String) })
    const tooSoon = Date.parse(machine.status?.lastError?.since ?? '') + STALLED_MILLISECONDS
    const early = await calls(({ time }) => Date.parse(time) < tooSoon)
    expect(early, `${what}: asked once, and not again before its time`).toBe(1)
    await world.azure.faultless(fault)
  } else if (decision.do === 'Refused') {
    await scene.machine(name, `is refused: ${what}`, isRefused)
    await scene.until(`whoever ranks is told: ${what}`, async () => operator.refusals.includes(code))
    await world.azure.faultless(fault)
  }
  await comesAbout(scene, one, name)
  if (mends) expect(await calls(), `${what}: asked twice`).toBe(2)
  await clear(scene, name)
  if (when === 'late') {
    const told = async () => (await scene.eventsOf(name)).includes(code)
    await scene.until(`an event tells the cause: ${what}`, told)
  }
  expect(await world.azure.standing(uid), what).toEqual([])
}

test.concurrent('every kind of refusal of every call beside the creation of a VM, at once and late: told with its cause, asked again in time and not before, and mended by itself once it can be', async () => {
  const scene = await world.scene('parts')
  const operator = scene.operate()
  const queue = [...asked.flatMap(casesOf).entries()]
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await goesWell(scene, operator, next[1], next[0])
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await scene.end()
}, 180_000)

test.concurrent.each<Asked>([
  { kind: 'PUT networkInterfaces', during: 'Creation' },
  { kind: 'DELETE networkInterfaces', during: 'Deletion' },
])(
  'what nobody knows, and what Azure fails again and again, is asked a handful of times and is then a person’s: $kind',
  async ({ kind, during }) => {
    const scene = await world.scene(`again-${during.toLowerCase()}`)
    scene.operate({ speed: 3 * SPEED }) // A quarter of an hour is three seconds to it.
    const insisting = async (code: string, name: string) => {
      const { uid, begin } = await onTheEve(scene, { kind, during }, name)
      const failLate = { code, message: MESSAGE }
      const fault = await world.azure.fault({ kind, resource: uid, times: null }, { failLate })
      await begin()
      const stalled = await scene.machine(name, `is stalled by ${code}`, found => stallOf(found)?.reason === code)
      expect(stallOf(stalled)?.message).toMatch(/Look it up|open a support request/)
      const calls = (await world.azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid))
      expect(calls.length).toBeGreaterThan(2)
      expect(calls.length).toBeLessThanOrEqual(8)
      await world.azure.faultless(fault)
      await comesAbout(scene, { kind, during }, name)
      await clear(scene, name)
    }
    await Promise.all([insisting('WeHaveNeverSeenThis', 'unknown'), insisting('InternalServerError', 'failing')])
    await scene.end()
  },
  60_000,
)

test.concurrent('an operator that comes after one died over what then failed asks once more, and hears why', async ({
  onTestFinished,
}) => {
  const scene = await world.scene('after-death', onTestFinished)
  const kind = 'PUT networkInterfaces'
  const code = 'RequestDisallowedByPolicy'
  const { uid, begin } = await onTheEve(scene, { kind, during: 'Creation' }, 'solo')
  const failLate = { code, message: MESSAGE }
  const fault = await world.azure.fault({ kind, resource: uid, times: null }, { failLate })
  // The address, then the interface.
  const first = scene.operate({ cut: { after: 2, counting: 'changes', isReplyHeard: true } })
  await begin()
  expect(await first.died).toBe('putNetworkInterface')
  await first.stop()
  await scene.until('it has failed', async () => {
    const [nic] = (await world.azure.of(uid)).networkInterfaces
    return nic?.properties.provisioningState === 'Failed'
  })

  scene.operate()
  const stalled = await scene.machine('solo', 'is stalled', found => stallOf(found)?.reason === code)
  expect(stalled.status?.lastError).toMatchObject({ code, step: 'PutNetworkInterface' })
  const calls = (await world.azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid))
  expect(calls).toHaveLength(2)
  await world.azure.faultless(fault)
  await comesAbout(scene, { kind, during: 'Creation' }, 'solo')
  await clear(scene, 'solo')
})
