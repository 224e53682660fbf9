import { expect, test } from 'vitest'
import type { Azure, VirtualMachineSeen } from '../azure/provider.ts'
import { observe } from './observe.ts'
import { recollection } from './recollection.ts'
import { evicted, now, osDisk, sight, UID, virtualMachine, without } from './sights.fixture.ts'

const signal = AbortSignal.timeout(5000)
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)

const unasked = async () => expect.unreachable()

/** Azure, which holds this VM alone, and a pass's look at it. */
function stage() {
  let vm: VirtualMachineSeen | undefined
  const azure: Azure = Object.assign(Object.create(null), { virtualMachine: async () => vm })
  const memory = recollection()
  const { machine, rootUid, place } = sight()
  return async (provisioningState: VirtualMachineSeen['provisioningState'], at: Date, isEndInSight = false) => {
    vm = virtualMachine({ provisioningState })
    const clock = { now: () => at }
    const through = memory.requests.through(azure, clock)
    const kube = Object.create(null)
    const known = { holdings: { of: unasked }, annotations: { of: () => undefined }, recollection: memory }
    return await observe({
      azure: through,
      kube,
      ...known,
      isEndInSight,
      machine,
      uid: UID,
      rootUid,
      place,
      now: at,
      clock,
      signal,
    })
  }
}

test('an end that the list of the fleet shows is an end: what Azure is at next is under way since then', async () => {
  const look = stage()
  expect((await look('Updating', later(0))).underWaySince).toEqual(later(0))
  const ended = await look('Succeeded', later(60), true)
  expect(ended).toMatchObject({ underWaySince: undefined, virtualMachine: { provisioningState: 'Succeeded' } })
  expect((await look('Updating', later(6000))).underWaySince).toEqual(later(6000))
})

test.each([
  ['while its predecessor is in Azure, the copy that it is to be made of is not asked for', true],
  ['once that is gone, it is', false],
])('of a machine to be made anew: %s', async (_title, isWaiting) => {
  const asked: string[] = []
  const kinds = ['publicIPAddress', 'networkInterface', 'disk', 'snapshot', 'sourceDisk']
  const answers = kinds.map(kind => [kind, async () => void asked.push(kind)] as const)
  const vm = async (_place: unknown, name: string) => {
    return isWaiting && name.endsWith('-vm-1') ? virtualMachine({ powerState: 'Deallocated' }) : undefined
  }
  const azure: Azure = Object.assign(Object.create(null), { ...Object.fromEntries(answers), virtualMachine: vm })
  const copyOf = osDisk.id.replace(osDisk.name, 'played')
  const { machine, rootUid, place } = sight({
    spec: { disks: { os: { sizeGiB: 128, sku: 'StandardSSD_LRS', copyOf } } },
    status: without(evicted, 'stream'),
  })
  const memory = recollection()
  memory.hasBootstrapSecret = true
  const known = { holdings: { of: unasked }, annotations: { of: () => undefined }, recollection: memory }
  const kube = Object.create(null)
  const seen = await observe({
    azure,
    kube,
    ...known,
    isEndInSight: false,
    machine,
    uid: UID,
    rootUid,
    place,
    now,
    clock: { now: () => now },
    signal,
  })
  expect(seen.predecessor !== undefined).toBe(isWaiting)
  expect(asked.filter(kind => kind === 'snapshot' || kind === 'sourceDisk')).toHaveLength(isWaiting ? 0 : 3)
})
