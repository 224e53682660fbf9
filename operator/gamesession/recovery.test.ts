import { describe, expect, test } from 'vitest'
import type { GpuVmSpec, GpuVmStatus } from '../../crds/types/gpuvm.ts'
import { at, conditionOf, machineFor, next, pass, refusedBy, sessionOf } from './sights.fixture.ts'

const played = { readyAt: at(100), billing: { seconds: 60 } }
const incarnation = { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } as const
const neverHeard = { ...refusedBy('AllocationFailed'), incarnation, evictions: 1, evictedAt: at(160) }
const stream = { answering: false, since: at(100), lastAnsweredAt: at(160) }
const evicted = (status: object = {}) => machineFor({ status: { ...neverHeard, stream, ...status } })

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
  const machine = machineFor({ status: neverHeard })
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

  const home = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/gvm-home-os'
  const resources = { osDisk: home }
  const nothingAtHome = ({ region }: { region: string }) =>
    region === 'centralindia' ? { code: 'AllocationFailed', leftSeconds: 45 } : undefined
  const copy = (status: object = {}, metadata: object = {}) =>
    machineFor({
      spec: {
        region: 'westeurope',
        priority: 'Regular',
        disks: { os: { sizeGiB: 128, sku: 'Premium_LRS', copyOf: home } },
      },
      metadata: { name: 'evening-westeurope', uid: 'uid-copy', ...metadata },
      status,
    })

  test('its disk keeps it in its region where it names no other one, however much there is elsewhere', () => {
    const { verdict } = pass({
      session: sessionOf({ status: played }),
      machines: [evicted({ resources })],
      rulingOn: nothingAtHome,
    })
    expect(verdict.step).toBeUndefined()
    expect(verdict.waiting?.message).toContain('Its disk keeps it in this region')
  })

  test('with nothing left in its region it moves to another one that it names, with a copy of its disk, on-demand', () => {
    const machine = evicted({ resources })
    const { step } = pass({ session, machines: [machine], rulingOn: nothingAtHome }).verdict
    expect(step).toMatchObject({
      do: 'CreateMachine',
      candidate: { region: 'westeurope', priority: 'Regular' },
      spec: { region: 'westeurope', image: machine.spec.image, disks: { os: { copyOf: home } } },
      move: { from: machine, because: { reason: 'MovingRegion' } },
    })
  })

  test('a machine that never had a disk, made in the place of one that was lost, binds it to nowhere', () => {
    const machine = machineFor({ status: neverHeard })
    const { step } = pass({ session, machines: [machine], rulingOn: nothingAtHome }).verdict
    expect(step).toEqual({ do: 'DeleteMachine', machine })
  })

  test('I1: on the way the machine that it leaves is stopped, and is given up only when the other was played', () => {
    const left = evicted({ resources })
    const seen = { session, rulingOn: nothingAtHome }
    expect(pass({ ...seen, machines: [copy(), left] }).verdict.step).toMatchObject({
      do: 'ChangeMachine',
      machine: left,
      spec: { powerState: 'Deallocated' },
    })
    const stopped = machineFor({ spec: { powerState: 'Deallocated' }, status: { resources } })
    const moving = pass({ ...seen, machines: [copy(), stopped] })
    expect(moving.verdict.step).toBeUndefined()
    expect(moving.status).toMatchObject({ phase: 'Pending', placement: { region: 'westeurope' } })
    expect(moving.verdict.waiting).toMatchObject({ reason: 'MovingRegion' })
    const there = copy({ stream: { answering: true, since: at(300) } })
    expect(pass({ ...seen, machines: [there, stopped] }).verdict.step).toEqual({
      do: 'DeleteMachine',
      machine: stopped,
    })
  })

  test.each(['CopyingDisk', 'OperationSlow'])(
    'the player reads how far it is, also while that is told as %s',
    reason => {
      const stopped = machineFor({ spec: { powerState: 'Deallocated' }, status: { resources } })
      const conditions = [{ ...conditionOf('Ready', 'Unknown', reason), message: '40 percent are copied.' }]
      const moving = pass({ session, machines: [copy({ conditions }), stopped], rulingOn: nothingAtHome })
      expect(moving.verdict.waiting?.message).toMatch(/its address changes\. 40 percent are copied\. Nothing is billed/)
    },
  )

  test('refused there too, it is tried in another size there, then elsewhere, and then it waits there', () => {
    const stopped = machineFor({ spec: { powerState: 'Deallocated' }, status: { resources } })
    const refused = copy(refusedBy('AllocationFailed'))
    const machines = [refused, stopped]
    expect(pass({ session, machines }).verdict.step).toMatchObject({
      do: 'ChangeMachine',
      machine: refused,
      spec: { size: 'Standard_B' },
    })
    const nothingThere = ({ region }: { region: string }) =>
      region === 'westeurope' ? { code: 'AllocationFailed', leftSeconds: 45 } : undefined
    expect(pass({ session, machines, rulingOn: nothingThere }).verdict.step).toEqual({
      do: 'DeleteMachine',
      machine: refused,
    })
    const nothing = () => ({ code: 'AllocationFailed', leftSeconds: 45 })
    expect(pass({ session, machines, rulingOn: nothing }).verdict).toMatchObject({ waiting: { reason: 'NoCapacity' } })
  })

  test('a copy of a disk that is gone is given up, and the session begins anew', () => {
    const conditions = [
      conditionOf('Ready', 'False', 'SourceDiskGone'),
      conditionOf('Stalled', 'True', 'SourceDiskGone'),
    ]
    const lost = copy({ conditions })
    expect(pass({ session, machines: [lost] }).verdict.step).toEqual({ do: 'DeleteMachine', machine: lost })
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

test('one that is stalled in a region which the session names no more is given up, but not one that was played on', () => {
  const conditions = [conditionOf('Ready', 'False', 'X'), conditionOf('Stalled', 'True', 'X')]
  const session = sessionOf({ spec: { regions: ['westeurope'] } })
  const machine = machineFor({ status: { conditions } })
  expect(pass({ session, machines: [machine] }).verdict.step).toEqual({ do: 'DeleteMachine', machine })
  const there = machineFor({ status: { conditions, stream } })
  expect(pass({ session, machines: [there] }).verdict).toMatchObject({ stalled: { reason: 'X' } })
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

describe('in a region that is used by zones', () => {
  const zoneRedundant = { os: { sizeGiB: 128, sku: 'StandardSSD_ZRS' } } as const
  const zoned = (zone: '1' | '2' | '3', status: GpuVmStatus, spec: Partial<GpuVmSpec> = {}) =>
    machineFor({
      metadata: { name: 'evening-northeurope' },
      spec: { region: 'northeurope', zone, disks: zoneRedundant, ...spec },
      status,
    })
  const regions = ['northeurope']
  const fresh = sessionOf({ spec: { regions } })
  const session = sessionOf({ spec: { regions }, status: played })
  const zonal = { ...refusedBy('ZonalAllocationFailed'), incarnation, stream, evictions: 1, evictedAt: at(160) }
  const not = (...zones: string[]) => ({
    rulingOn: ({ zone = '' }: { zone?: string | undefined }) =>
      zones.includes(zone) ? { code: 'ZonalAllocationFailed', leftSeconds: 60 } : undefined,
  })

  test('never played: the next zone is tried in place, before the next size', () => {
    const { step } = pass({ session: fresh, machines: [zoned('1', refusedBy('SkuNotAvailable'))] }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_A', zone: '2' } })
    expect(step).toHaveProperty(
      'because.message',
      'Standard_A spot in zone 1 of northeurope was refused (SkuNotAvailable); Standard_A spot in zone 2 of northeurope is tried.',
    )
  })

  test('I6: played, a rescue goes to the next zone on the same disk, on-demand', () => {
    const { step } = pass({ session, machines: [zoned('1', zonal)], ...not('1') }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_A', zone: '2' } })
    expect(step).not.toHaveProperty('spec.priority')
  })

  test('I6: a disk of one zone keeps a rescue there: another size, and with none left it waits', () => {
    const disks = { os: { sizeGiB: 128, sku: 'StandardSSD_LRS' } } as const
    const machine = zoned('1', zonal, { disks })
    const { step } = pass({ session, machines: [machine] }).verdict
    expect(step).toMatchObject({ do: 'ChangeMachine', spec: { size: 'Standard_B' } })
    expect(step).not.toHaveProperty('spec.zone')
    expect(pass({ session, machines: [machine], ...not('1') }).verdict).toMatchObject({
      waiting: { reason: 'NoCapacity' },
    })
  })

  test('a machine from before the region had zones stays in none', () => {
    const status = { ...refusedBy('AllocationFailed'), incarnation }
    const machine = machineFor({ spec: { region: 'northeurope' }, status })
    const heard = machineFor({ spec: { region: 'northeurope' }, status: { ...status, stream } })
    expect(pass({ session, machines: [heard] }).verdict.step).toBeUndefined()
    expect(pass({ session: fresh, machines: [machine] }).verdict.step).toEqual({ do: 'DeleteMachine', machine })
  })

  describe('a machine whose disk or address does not go with its zone', () => {
    const message = "Disk d cannot be attached to the VM because it is not in zone '1'."
    const unfit: GpuVmStatus = {
      lastError: { code: 'BadRequest', message, retryable: false, at: at(0) },
      conditions: [conditionOf('Ready', 'False', 'BadRequest'), conditionOf('Stalled', 'True', 'BadRequest')],
    }

    test('is tried in the next zone, in no size of the same', () => {
      const { step } = pass({ session, machines: [zoned('1', unfit)] }).verdict
      expect(step).toMatchObject({ do: 'ChangeMachine', spec: { zone: '2' } })
      expect(pass({ session, machines: [zoned('1', unfit)], ...not('2') }).verdict.step).toMatchObject({
        spec: { zone: '3' },
      })
    })

    test('is left to a person when no zone is left', () => {
      const { verdict } = pass({ session, machines: [zoned('1', unfit)], ...not('2', '3') })
      expect(verdict.step).toBeUndefined()
      expect(verdict.stalled?.reason).toBe('BadRequest')
    })

    test('as is every other mistake at once', () => {
      const wrong = { code: 'ImageNotFound', message: 'No image.', retryable: false, at: at(0) }
      const { verdict } = pass({ session, machines: [zoned('1', { ...unfit, lastError: wrong })] })
      expect(verdict.step).toBeUndefined()
      expect(verdict.stalled?.reason).toBe('BadRequest')
    })
  })
})
