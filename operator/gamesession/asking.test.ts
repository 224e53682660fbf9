import { describe, expect, test } from 'vitest'
import type { GpuVm } from '../../crds/types/gpuvm.ts'
import { SUSPEND_ANNOTATION } from '../held.ts'
import { askingOf, claimOfMachine } from './asking.ts'
import type { Rival } from './decision.ts'
import { at, catalogue, machineFor, refusedBy, type SessionFixture, sessionOf } from './sights.fixture.ts'

function askingFor(given: { session?: SessionFixture; machine?: GpuVm; rivals?: Rival[]; takenRegions?: string[] }) {
  const { session, machine, rivals = [], takenRegions = [] } = given
  return askingOf(sessionOf(session), { machine, rivals, takenRegions, catalogue })
}

const played = { readyAt: at(100), billing: { seconds: 60 } }
const refused = machineFor({ status: refusedBy('SkuNotAvailable') })
const stopped = machineFor({ spec: { powerState: 'Deallocated' } })

describe('in the queue stands', () => {
  test.each([
    ['a session without a machine', {}, 'New'],
    ['one that was played and has lost it', { session: { status: played } }, 'Rescue'],
    ['one whose machine was refused', { machine: refused }, 'New'],
    ['one that was played and whose machine was refused', { session: { status: played }, machine: refused }, 'Rescue'],
    ['one that is to run again', { session: { status: played }, machine: stopped }, 'Resume'],
  ] as const)('%s', (_case, given, why) => {
    expect(askingFor(given)?.why).toBe(why)
  })

  test('a played one first for the region where its disk is', () => {
    const regions = ['westeurope', 'centralindia']
    expect(askingFor({ session: { spec: { regions }, status: played }, machine: refused })?.wish.regions).toEqual([
      'centralindia',
      'westeurope',
    ])
    expect(askingFor({ session: { spec: { regions } }, machine: refused })?.wish.regions).toEqual(regions)
  })
})

describe('of the zones of its region it asks for', () => {
  const spec = { regions: ['northeurope'] }
  const zoned = (sku: 'StandardSSD_LRS' | 'StandardSSD_ZRS', zone?: '2') =>
    machineFor({
      spec: { region: 'northeurope', ...(zone && { zone }), disks: { os: { sizeGiB: 128, sku } } },
      status: refusedBy('SkuNotAvailable'),
    })
  const zones = (given: Parameters<typeof askingFor>[0]) => askingFor(given)?.wish.zones?.northeurope

  test('all, before anything was played', () => {
    expect(zones({ session: { spec } })).toEqual(['1', '2', '3'])
    expect(zones({ session: { spec }, machine: zoned('StandardSSD_LRS') })).toEqual(['1', '2', '3'])
  })

  test('I6: those that the disk of what was played can go to', () => {
    const session = { spec, status: played }
    expect(zones({ session, machine: zoned('StandardSSD_ZRS', '2') })).toEqual(['1', '2', '3'])
    expect(zones({ session, machine: zoned('StandardSSD_LRS', '2') })).toEqual(['2'])
    expect(zones({ session, machine: zoned('StandardSSD_LRS') })).toBeUndefined()
  })

  test('and all of a region to which it may move: its disk is made anew there', () => {
    const regions = ['centralindia', 'northeurope']
    expect(zones({ session: { spec: { regions }, status: played }, machine: refused })).toEqual(['1', '2', '3'])
  })
})

describe('nobody is held up by', () => {
  const rival = { session: sessionOf({ name: 'other', metadata: { creationTimestamp: at(-9) } }), holdsMachine: true }
  test.each<[string, Parameters<typeof askingFor>[0]]>([
    ['a paused session', { session: { spec: { desiredState: 'Paused' } } }],
    ['a suspended one', { session: { metadata: { annotations: { [SUSPEND_ANNOTATION]: '' } } } }],
    ['one that ends', { session: { status: { endReason: 'PlayerEnded' } } }],
    ['one that is not taken on yet', { session: { metadata: { finalizers: [] } } }],
    ['one that names what nobody knows', { session: { spec: { game: 'tetris' } } }],
    ['a player’s second one', { rivals: [rival] }],
    ['one whose machine’s name is another’s', { takenRegions: ['centralindia'] }],
    ['one that has its machine', { machine: machineFor({ playingSince: at(1) }) }],
    ['one whose machine goes', { machine: machineFor({ metadata: { deletionTimestamp: at(1) } }) }],
  ])('%s', (_case, given) => {
    expect(askingFor(given)).toBeUndefined()
  })
})

describe('of a machine', () => {
  const incarnation = { number: 2, priority: 'Regular', specPriority: 'Spot', reason: 'Evicted' } as const
  test.each([
    ['about to be made', machineFor(), { takesQuota: true, isToRun: true, isOnTheWay: true }],
    [
      'that runs',
      machineFor({ playingSince: at(1), status: { vmId: 'v' } }),
      { takesQuota: true, isToRun: true, isOnTheWay: false },
    ],
    [
      'that is stopped',
      machineFor({ spec: { powerState: 'Deallocated' }, status: { powerState: 'Deallocated', vmId: 'v' } }),
      { takesQuota: true, isToRun: false, isOnTheWay: false },
    ],
    ['stopped before it was made', stopped, { takesQuota: false, isToRun: false, isOnTheWay: false }],
    ['that is refused', refused, { takesQuota: true, isToRun: true, isOnTheWay: false }],
    [
      'that goes, and is in Azure still',
      machineFor({ metadata: { deletionTimestamp: at(1) }, status: { powerState: 'Running', vmId: 'v' } }),
      { takesQuota: true, isToRun: false, isOnTheWay: false },
    ],
    ['evicted', machineFor({ status: { incarnation } }), { place: expect.objectContaining({ priority: 'Regular' }) }],
  ])('%s', (_case, machine, claim) => {
    expect(claimOfMachine(machine, catalogue)).toMatchObject(claim)
  })
})
