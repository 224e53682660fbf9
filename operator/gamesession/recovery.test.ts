import { describe, expect, test } from 'vitest'
import { at, conditionOf, machineFor, next, pass, refusedBy, sessionOf } from './sights.fixture.ts'

const played = { readyAt: at(100), billing: { seconds: 60 } }
const incarnation = { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } as const
const evicted = (status: object = {}) =>
  machineFor({ status: { ...refusedBy('AllocationFailed'), incarnation, evictions: 1, evictedAt: at(160), ...status } })

describe('never played', () => {
  test('another size of the same priority is tried in place', () => {
    const machine = machineFor({ status: refusedBy('SkuNotAvailable') })
    const { step } = pass({ machines: [machine] }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_B' } })
  })

  test('with no spot left it goes onto on-demand in place', () => {
    const machine = machineFor({ status: refusedBy('SkuNotAvailable') })
    const rulingOn = ({ priority }: { priority: string }) =>
      priority === 'Spot' ? { code: 'SkuNotAvailable', leftSeconds: 60 } : undefined
    const { step } = pass({ machines: [machine], rulingOn }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_A', priority: 'Regular' } })
  })

  test('for another region the machine is given up first', () => {
    const session = sessionOf({ spec: { regions: ['centralindia', 'westeurope'] } })
    const machine = machineFor({ status: refusedBy('SkuNotAvailable') })
    const rulingOn = ({ region }: { region: string }) =>
      region === 'centralindia' ? { code: 'SubnetIsFull', leftSeconds: 60 } : undefined
    const { step } = pass({ session, machines: [machine], rulingOn }).verdict
    expect(step).toEqual({ do: 'DeleteMachine', machine })
  })

  test('with nothing left it waits where it is', () => {
    const { verdict, status } = pass({
      machines: [machineFor({ status: refusedBy('SkuNotAvailable') })],
      rulingOn: () => ({ code: 'AllocationFailed', leftSeconds: 45 }),
    })
    expect(verdict.step).toBeUndefined()
    expect(verdict).toMatchObject({ waiting: { reason: 'NoCapacity' }, requeueAfterSeconds: 45 })
    expect(status.phase).toBe('Pending')
  })
})

test('never played and already on its detour, it is made anew where spot is to be had', () => {
  const machine = evicted()
  const rulingOn = ({ priority }: { priority: string }) =>
    priority === 'Regular' ? { code: 'SkuNotAvailable', leftSeconds: 60 } : undefined
  // The spec says Spot already and the incarnation rules over it: no change of the machine can ask for spot.
  expect(pass({ machines: [machine], rulingOn }).verdict.step).toEqual({ do: 'DeleteMachine', machine })
})

describe('I6: played', () => {
  const session = sessionOf({ spec: { regions: ['centralindia', 'westeurope'] }, status: played })

  test('another size of the same driver class runs from the same disk, on-demand', () => {
    const { step } = pass({ session, machines: [evicted()] }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_B' } })
    // The incarnation rules over the spec's Spot: a resumed session may try spot again.
    expect(step).not.toHaveProperty('spec.priority')
  })

  test('its disk keeps it in its region, however much there is elsewhere', () => {
    const rulingOn = ({ region }: { region: string }) =>
      region === 'centralindia' ? { code: 'AllocationFailed', leftSeconds: 45 } : undefined
    const { verdict } = pass({ session, machines: [evicted()], rulingOn })
    expect(verdict.step).toBeUndefined()
    expect(verdict.waiting?.message).toContain('Its disk keeps it in this region.')
  })
})

test.each([
  ['an older spec', evicted({ observedGeneration: 0 })],
  ['nothing that Azure refused', machineFor({ status: { ...refusedBy('x'), lastError: undefined } as object })],
])('a refusal of %s moves nothing', (_case, machine) => {
  expect(pass({ session: sessionOf({ status: played }), machines: [machine] }).verdict.step).toBeUndefined()
})

test('what only a person can mend is shown as it is, and is over when it is mended', () => {
  const conditions = [conditionOf('Ready', 'False', 'ImageNotFound'), conditionOf('Stalled', 'True', 'ImageNotFound')]
  const stalled = pass({ machines: [machineFor({ status: { conditions } })] })
  expect(stalled.status).toMatchObject({ phase: 'Failed' })
  expect(stalled.status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable', 'Stalled'])
  const mended = pass({ session: sessionOf({ status: stalled.status }), machines: [machineFor()] })
  expect(mended.status.conditions?.map(({ type }) => type)).toEqual(['Ready', 'Playable', 'Reconciling'])
})

test('a machine that somebody else deletes is waited for, then replaced', () => {
  const session = sessionOf({ status: played })
  const going = machineFor({ metadata: { deletionTimestamp: at(1) } })
  expect(pass({ session, machines: [going] }).verdict.waiting).toMatchObject({ reason: 'MachineDeleted' })
  expect(pass({ session }).verdict.step?.do).toBe('CreateMachine')
})

test('I1: of two machines the one that is not on record is given up', () => {
  const spare = machineFor({ metadata: { uid: 'uid-spare', name: 'evening-westeurope' } })
  const { step } = pass({ machines: [machineFor({ playingSince: at(1) }), spare] }).verdict
  expect(step).toEqual({ do: 'DeleteMachine', machine: spare })
})

test('an eviction is told as it goes: recovering, unbilled, recovered', () => {
  const playing = next({ machines: [machineFor({ playingSince: at(100) })], now: at(101) })
  expect(playing.status).toMatchObject({ phase: 'Running', readyAt: at(100), endpoint: { host: '127.64.0.7' } })

  const gone = machineFor({
    status: {
      phase: 'Evicted',
      powerState: 'Absent',
      publicIP: '127.64.0.7',
      evictedAt: at(165),
      evictions: 1,
      stream: { answering: false, since: at(100), lastAnsweredAt: at(160) },
      incarnation,
      conditions: [conditionOf('Ready', 'Unknown', 'Evicted'), conditionOf('Playable', 'False', 'MachineNotRunning')],
    },
  })
  const recovering = next({ session: playing, machines: [gone], now: at(170) })
  expect(recovering.status).toMatchObject({
    phase: 'Recovering',
    evictions: 1,
    endpoint: { host: '127.64.0.7' },
    billing: { seconds: 60 },
    interruptions: [{ cause: 'Evicted', since: at(160) }],
  })
  expect(recovering.status?.billing?.since).toBeUndefined()

  const back = machineFor({ playingSince: at(280), status: { priority: 'Regular', evictions: 1, incarnation } })
  const recovered = next({ session: recovering, machines: [back], now: at(281) })
  expect(recovered.status).toMatchObject({
    phase: 'Running',
    placement: { capacityType: 'OnDemand' },
    billing: { seconds: 60, since: at(280) },
    interruptions: [{ cause: 'Evicted', since: at(160), seconds: 120 }],
  })
})
