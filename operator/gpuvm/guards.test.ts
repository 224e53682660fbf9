import { expect, test } from 'vitest'
import { guards } from './guards.ts'
import { nothing as nothingSeen } from './observe.ts'
import { machineOf, region, UID } from './sights.fixture.ts'

const group = {
  id: 'nsg',
  ownerUid: UID,
  clientCIDRs: [],
  probeCIDRs: ['192.0.2.1/32', '192.0.2.2/32'],
  provisioningState: 'Succeeded' as const,
}
const guarded = machineOf({ spec: { clientCIDRs: ['203.0.113.7/32'] } })
const probing = (...probeCIDRs: string[]) => ({ ...region, probeCIDRs })

test('a machine with a group of its own is looked at until that is seen to let in what is probed from', () => {
  const known = guards()
  expect(known.letIn(guarded, probing('192.0.2.1/32'))).toBe(false)
  known.saw({ uid: UID, observed: { ...nothingSeen, networkSecurityGroup: group } })
  expect(known.letIn(guarded, probing('192.0.2.2/32', '192.0.2.1/32'))).toBe(true)
  expect(known.letIn(guarded, probing('192.0.2.3/32'))).toBe(false)
  known.forget(UID)
  expect(known.letIn(guarded, probing('192.0.2.2/32', '192.0.2.1/32'))).toBe(false)
})

test('a group that Azure is at work on proves nothing', () => {
  const known = guards()
  const updating = { ...group, provisioningState: 'Updating' as const }
  known.saw({ uid: UID, observed: { ...nothingSeen, networkSecurityGroup: updating } })
  expect(known.letIn(guarded, probing(...group.probeCIDRs))).toBe(false)
})

test("a machine that rests or is under the region's group is not looked at, and no other while the catalogue does not know the region", () => {
  const resting = machineOf({ spec: { clientCIDRs: ['203.0.113.7/32'], powerState: 'Deallocated' } })
  expect(guards().letIn(resting, probing('192.0.2.1/32'))).toBe(true)
  expect(guards().letIn(machineOf({}), probing('192.0.2.1/32'))).toBe(true)
  expect(guards().letIn(guarded, undefined)).toBe(true)
})
