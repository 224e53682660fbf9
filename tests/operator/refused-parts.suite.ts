// What Azure refuses, at once or late, of all that is no creation of a VM: address, interface, group, a disk's way to another
// region, start, stop, tags, and every removal.
// One code for each kind of decision is put to every call that can hear it; that each code leads to its decision is for
// the table's own test, and what a VM's PUT hears for refusals.suite.ts. The machines are one namespace's, all at once.
import { expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { condition } from '../../lib/kube/conditions.ts'
import { decideOn } from '../../operator/azure/decisions.ts'
import { AzureError } from '../../operator/azure/errors.ts'
import type { ArmCall } from './support/azure.ts'
import type { Operator } from './support/operator.ts'
import { isPlayable, isReady, isRefused, type Scene, SPEED, STALLED_MILLISECONDS, type World } from './support/world.ts'

/** Machines at one time. */
const LANES = 16

/** An operator for which a quarter of an hour is three seconds. */
const HURRY = 3 * SPEED
/** So long it is tried, of its own accord. */
const TRIED_MILLISECONDS = 900_000 / HURRY

/** What is asked for, and in which stretch of a machine's life. */
interface Asked {
  kind: string
  during: 'Creation' | 'Copying' | 'Start' | 'Stop' | 'Adoption' | 'Replacement' | 'Deletion'
  /** How the resource's name ends, where more than one is asked for so. */
  end?: string
  /** Two cases for all: what is refused late mends itself, or a person has to. */
  short?: 'MendsLate' | 'StallsLate'
}
const asked: Asked[] = [
  { kind: 'PUT publicIPAddresses', during: 'Creation' },
  { kind: 'PUT networkInterfaces', during: 'Creation' },
  { kind: 'PUT networkSecurityGroups', during: 'Creation' },
  { kind: 'PUT snapshots', during: 'Copying', end: '-os-taken', short: 'MendsLate' },
  { kind: 'PUT snapshots', during: 'Copying', end: '-os-copied', short: 'StallsLate' },
  { kind: 'PUT disks', during: 'Copying', short: 'MendsLate' },
  { kind: 'POST virtualMachines/start', during: 'Start', short: 'MendsLate' },
  { kind: 'POST virtualMachines/deallocate', during: 'Stop', short: 'StallsLate' },
  { kind: 'DELETE virtualMachines', during: 'Replacement' },
  { kind: 'DELETE virtualMachines', during: 'Deletion' },
  { kind: 'DELETE networkInterfaces', during: 'Deletion' },
  { kind: 'DELETE publicIPAddresses', during: 'Deletion' },
  { kind: 'DELETE networkSecurityGroups', during: 'Deletion' },
  { kind: 'DELETE disks', during: 'Deletion' },
]
const tagged: Asked[] = [
  { kind: 'PATCH tags', end: '-os', during: 'Adoption', short: 'MendsLate' },
  { kind: 'PATCH tags', end: '-vm-1', during: 'Adoption', short: 'StallsLate' },
]

interface Case extends Asked {
  /** A copy goes on after it was accepted and its operation has ended, and fails by itself. */
  when: 'at once' | 'late' | 'half way'
  code: string
}
const MESSAGE = 'Said by the simulator.'
const decisionOn = (code: string) => decideOn(new AzureError(code, MESSAGE, { status: 409 }))

function casesOf(one: Asked): Case[] {
  const { kind, during, end, short } = one
  const is = (when: Case['when'], ...codes: string[]) => codes.map(code => ({ ...one, when, code }))
  // Azure's own fault at once is no answer, which has tests of its own.
  const mending = [...is('at once', 'AnotherOperationInProgress'), ...is('late', 'InternalExecutionError')]
  const halfWay = end === '-os-copied' ? is('half way', 'CopySourceNotFound') : []
  if (short === 'MendsLate') return [...is('at once', 'AuthorizationFailed'), ...is('late', 'InternalExecutionError')]
  if (short === 'StallsLate')
    return [...is('at once', 'AnotherOperationInProgress'), ...is('late', 'ScopeLocked'), ...halfWay]
  if (during !== 'Creation') return [...mending, ...is('at once', 'AuthorizationFailed'), ...is('late', 'ScopeLocked')]
  const full = kind === 'PUT networkInterfaces' ? 'SubnetIsFull' : 'PublicIPCountLimitReached'
  return [
    ...mending,
    ...is('at once', 'RequestDisallowedByPolicy', full),
    ...is('late', 'RequestDisallowedByPolicy', full),
  ]
}

const isRunning = ({ status }: GpuVm) => status?.powerState === 'Running'
const isResting = ({ status }: GpuVm) => status?.powerState === 'Deallocated'
const stallOf = ({ status }: GpuVm) => condition(status?.conditions, 'Stalled')

const labels = { 'wasd.cloud/player': 'kasparov' }

interface Eve {
  name: string
  /** By which Azure's calls for it are known. */
  uid: string
  begin: () => Promise<unknown>
}

/** A machine on the eve of the call, and what brings it to make it. `copyOf` is a disk elsewhere. */
async function onTheEve(
  scene: Scene,
  { kind, during }: Asked,
  { name, copyOf = '' }: { name: string; copyOf?: string },
): Promise<Eve> {
  const guarded = kind.endsWith('networkSecurityGroups') ? { clientCIDRs: ['203.0.113.7/32'] } : {}
  const copying = { region: 'northeurope', disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' as const, copyOf } } }
  if (during === 'Creation' || during === 'Copying') {
    const annotations = { 'wasd.cloud/suspend': '' }
    const uid = await scene.apply(name, during === 'Copying' ? copying : guarded, { annotations, labels })
    return { name, uid, begin: async () => await scene.annotate(name, { 'wasd.cloud/suspend': null }) }
  }
  const uid = await scene.apply(name, guarded, { labels })
  await scene.machine(name, 'runs', isRunning)
  if (during === 'Start') await rest(scene, name)
  const begin = {
    Start: async () => await scene.change(name, { powerState: 'Running' }),
    Stop: async () => await scene.change(name, { powerState: 'Deallocated' }),
    Replacement: async () => await scene.change(name, { size: 'Standard_NV6ads_A10_v5' }),
    Deletion: async () => await scene.delete(name),
    // Under no operator's hands, as after the cluster was lost.
    Adoption: async () => await scene.apply(name, guarded, { labels }),
  }[during]
  return { name, uid, begin }
}

async function rest(scene: Scene, name: string): Promise<void> {
  await scene.change(name, { powerState: 'Deallocated' })
  await scene.machine(name, 'rests', isResting)
}

/** The id of a disk with what was played on it, at which no machine runs. */
async function playedDisk(scene: Scene): Promise<string> {
  await scene.apply('source', {}, { labels })
  const { status } = await scene.machine('source', 'is playable', isPlayable)
  await rest(scene, 'source')
  return status?.resources?.osDisk ?? ''
}

async function comesAbout(scene: Scene, { during }: Asked, name: string): Promise<void> {
  if (during === 'Deletion') return void (await scene.gone(name))
  const isNew = ({ status }: GpuVm) => during !== 'Replacement' || status?.size === 'Standard_NV6ads_A10_v5'
  // Whose tags it bears is no part of what its spec asks for.
  const isTagged = (machine: GpuVm) => isReady(machine) && stallOf(machine) === undefined
  const isSo = during === 'Stop' ? isResting : during === 'Adoption' ? isTagged : isRunning
  const machine = await scene.machine(name, 'is as it is asked to be', one => isSo(one) && isNew(one))
  expect(stallOf(machine)).toBeUndefined()
}

/** What was not deleted to see how that goes. */
async function clear(scene: Scene, name: string): Promise<void> {
  if (await scene.get(name)) await scene.delete(name)
  await scene.gone(name)
}

function outcomeOf({ when, code }: Pick<Case, 'when' | 'code'>): object {
  const failure = { code, message: MESSAGE }
  if (when === 'at once') return { status: 409, ...failure }
  return when === 'late' ? { failLate: failure } : { failCopy: { message: MESSAGE } }
}

const UNENDING = ['WeHaveNeverSeenThis', 'InternalServerError']

export function refusedPartsAreMended(world: () => World): void {
  async function goesWell(scene: Scene, operator: Operator, one: Case, { name, uid, begin }: Eve): Promise<void> {
    const { kind, when, code, end = '' } = one
    const what = `${kind}${end} (${one.during}) refused ${when} by ${code}`
    const decision = decisionOn(code)
    const mends = decision.do !== 'Stall' && decision.do !== 'Refused'
    const resource = `${uid}${end}`
    const fault = await world().azure.fault({ kind, resource, times: mends ? 1 : null }, outcomeOf(one))
    const calls = async (isMeant: (call: ArmCall) => boolean = () => true) =>
      (await world().azure.calls(0)).filter(call => call.kind === kind && call.path.includes(resource) && isMeant(call))
        .length
    await begin()

    if (decision.do === 'Stall') {
      const machine = await scene.machine(name, `is stalled: ${what}`, found => stallOf(found)?.reason === code)
      expect(stallOf(machine)?.message, what).toContain(`${MESSAGE} ${decision.remedy}`)
      expect(machine.status?.lastError, what).toMatchObject({ code, retryable: false, step: expect.any(String) })
      const tooSoon = Date.parse(machine.status?.lastError?.since ?? '') + STALLED_MILLISECONDS
      const early = await calls(({ time }) => Date.parse(time) < tooSoon)
      expect(early, `${what}: asked once, and not again before its time`).toBe(1)
      await world().azure.faultless(fault)
    } else if (decision.do === 'Refused') {
      await scene.machine(name, `is refused: ${what}`, isRefused)
      await scene.until(`whoever ranks is told: ${what}`, async () => operator.refusals.includes(code))
      await world().azure.faultless(fault)
    }
    await comesAbout(scene, one, name)
    if (mends) expect(await calls(), `${what}: asked twice`).toBe(2)
    await clear(scene, name)
    if (when !== 'at once') {
      const told = async () => (await scene.eventsOf(name)).includes(code)
      await scene.until(`an event tells the cause: ${what}`, told)
    }
    expect(await world().azure.standing(uid), what).toEqual([])
  }

  test.concurrent('every kind of refusal of every call beside the creation of a VM, at once and late: told with its cause, asked again in time and not before, and mended by itself once it can be', async () => {
    const scene = await world().scene('parts')
    const operator = scene.operate()
    const copyOf = await playedDisk(scene)
    const queue = [...asked.flatMap(casesOf).entries()]
    const lane = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, one] = next
        await goesWell(scene, operator, one, await onTheEve(scene, one, { name: `part-${index}`, copyOf }))
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    await scene.end()
  }, 180_000)

  test.concurrent('what was restored is tagged anew: refused at once or late that is told, asked again in its time and not before, and mended', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('tags', onTestFinished)
    const first = scene.operate()
    const cases = tagged.flatMap(casesOf)
    const eves = await Promise.all(
      cases.map(async (one, index) => await onTheEve(scene, one, { name: `tags-${index}` })),
    )
    await first.stop()
    await Promise.all(eves.map(async ({ name }) => await scene.lose(name)))
    const operator = scene.operate()
    const each = cases.map(async (one, index) => {
      const eve = eves[index]
      if (eve) await goesWell(scene, operator, one, eve)
    })
    await Promise.all(each)
  }, 60_000)

  test.concurrent.each<Asked & Pick<Case, 'when'> & { codes: string[] }>([
    { kind: 'PUT networkInterfaces', during: 'Creation', when: 'late', codes: UNENDING },
    { kind: 'PUT snapshots', during: 'Copying', when: 'half way', codes: ['CopySourceNotFound'] },
    { kind: 'DELETE networkInterfaces', during: 'Deletion', when: 'late', codes: UNENDING },
  ])(
    'what nobody knows, and what Azure fails again and again, is asked a handful of times and is then a person’s: $kind',
    async ({ kind, during, when, codes }) => {
      const scene = await world().scene(`again-${during.toLowerCase()}`)
      scene.operate({ speed: HURRY })
      const copyOf = during === 'Copying' ? await playedDisk(scene) : ''
      const insisting = async (code: string, name: string) => {
        const { uid, begin } = await onTheEve(scene, { kind, during }, { name, copyOf })
        const resource = during === 'Copying' ? `${uid}-os-copied` : uid
        const fault = await world().azure.fault({ kind, resource, times: null }, outcomeOf({ when, code }))
        await begin()
        const stalled = await scene.machine(name, `is stalled by ${code}`, found => stallOf(found)?.reason === code)
        expect(stallOf(stalled)?.message).toMatch(/Look it up|open a support request|Somebody deletes/)
        // Later it is asked every five minutes, which are a second here, for as long as this computer takes to look.
        const { lastError, otherError } = stalled.status ?? {}
        const error = [lastError, otherError].find(one => one?.code === code)
        const calls = (await world().azure.calls(0)).filter(
          ({ time, ...call }) =>
            call.kind === kind &&
            call.path.includes(resource) &&
            Date.parse(time) < Date.parse(error?.since ?? '') + TRIED_MILLISECONDS,
        )
        expect(calls.length).toBeGreaterThan(1)
        expect(calls.length).toBeLessThanOrEqual(8)
        await world().azure.faultless(fault)
        await comesAbout(scene, { kind, during }, name)
        await clear(scene, name)
      }
      await Promise.all(codes.map(async (code, index) => await insisting(code, `again-${index}`)))
      await scene.end()
    },
    60_000,
  )

  test.concurrent('an operator that comes after one died over what then failed asks once more, and hears why', async ({
    onTestFinished,
  }) => {
    const scene = await world().scene('after-death', onTestFinished)
    const kind = 'PUT networkInterfaces'
    const code = 'RequestDisallowedByPolicy'
    const { uid, begin } = await onTheEve(scene, { kind, during: 'Creation' }, { name: 'solo' })
    const failLate = { code, message: MESSAGE }
    const fault = await world().azure.fault({ kind, resource: uid, times: null }, { failLate })
    // The address, then the interface.
    const first = scene.operate({ cut: { after: 2, counting: 'changes', isReplyHeard: true } })
    await begin()
    expect(await first.died).toBe('putNetworkInterface')
    await first.stop()
    await scene.until('it has failed', async () => {
      const [nic] = (await world().azure.of(uid)).networkInterfaces
      return nic?.properties.provisioningState === 'Failed'
    })

    scene.operate()
    const stalled = await scene.machine('solo', 'is stalled', found => stallOf(found)?.reason === code)
    expect(stalled.status?.lastError).toMatchObject({ code, step: 'PutNetworkInterface' })
    const calls = (await world().azure.calls(0)).filter(call => call.kind === kind && call.path.includes(uid))
    expect(calls).toHaveLength(2)
    await world().azure.faultless(fault)
    await comesAbout(scene, { kind, during: 'Creation' }, 'solo')
    await clear(scene, 'solo')
  })
}
