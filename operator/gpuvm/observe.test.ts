import { expect, test } from 'vitest'
import type { Azure, VirtualMachineSeen } from '../azure/provider.ts'
import { observe } from './observe.ts'
import { recollection } from './recollection.ts'
import { now, sight, UID, virtualMachine } from './sights.fixture.ts'

const signal = AbortSignal.timeout(5000)
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)

/** Azure, which holds this VM alone, and a pass's look at it. */
function stage() {
  let vm: VirtualMachineSeen | undefined
  const azure: Azure = Object.assign(Object.create(null), { virtualMachine: async () => vm })
  const memory = recollection()
  const unasked = async () => expect.unreachable()
  const { machine, rootUid, place } = sight()
  return async (provisioningState: VirtualMachineSeen['provisioningState'], at: Date, isEndInSight = false) => {
    vm = virtualMachine({ provisioningState })
    const through = memory.requests.through(azure, { now: () => at })
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
