import { describe, expect, test } from 'vitest'
import { SUSPEND_ANNOTATION } from '../held.ts'
import { at, catalogue, pass, sessionOf } from './sights.fixture.ts'
import { wishOf } from './wish.ts'

test('before anything is done for it, a session gets our finalizer', () => {
  expect(pass({ session: sessionOf({ metadata: { finalizers: [] } }) }).verdict.step).toEqual({ do: 'AddFinalizer' })
})

test('the best candidate becomes its machine', () => {
  const { verdict, status } = pass({ priceOf: ({ size }) => (size === 'Standard_B' ? 0.2 : 0.3) })
  expect(verdict.step).toMatchObject({
    do: 'CreateMachine',
    spec: {
      region: 'centralindia',
      size: 'Standard_B',
      priority: 'Spot',
      onEviction: 'Regular',
      powerState: 'Running',
      image: 'windows',
      disks: { os: { sizeGiB: 128 } },
    },
  })
  expect(status).toMatchObject({
    phase: 'Provisioning',
    vm: { name: 'evening-centralindia' },
    placement: { region: 'centralindia', size: 'Standard_B', capacityType: 'Spot', hourlyPriceUsd: '0.2' },
  })
  const types = Object.fromEntries((status.conditions ?? []).map(({ type, status }) => [type, status]))
  expect(types).toEqual({ Ready: 'Unknown', Playable: 'False', Reconciling: 'True' })
})

test.each([
  ['SpotFirst', 'Spot', 'Regular'],
  ['SpotOnly', 'Spot', 'Wait'],
  ['OnDemandOnly', 'Regular', 'Regular'],
] as const)('%s is asked for as %s and answers an eviction with %s', (preference, priority, onEviction) => {
  const { step } = pass({ session: sessionOf({ spec: { capacity: { preference } } }) }).verdict
  expect(step).toMatchObject({ spec: { priority, onEviction } })
})

test('a price cap holds for the rescue too', () => {
  const session = sessionOf({ spec: { capacity: { preference: 'SpotFirst', maxHourlyPriceUsd: '0.5' } } })
  const priceOf = ({ priority }: { priority: string }) => (priority === 'Spot' ? 0.1 : 0.9)
  expect(pass({ session, priceOf }).verdict.step).toMatchObject({ spec: { priority: 'Spot', onEviction: 'Wait' } })
})

describe('I8: what the catalogue does not know is told with what it knows, and costs nothing', () => {
  test.each([
    [{ game: 'tetris' }, 'GameUnknown', 'The catalogue has no game "tetris"; it has: quake, doom.'],
    [{ tier: 'huge' }, 'TierUnknown', 'The catalogue has no tier "huge"; it has: small, large.'],
    [
      { game: 'doom', tier: 'large' },
      'TierNotOffered',
      'doom cannot be played in tier large; it is offered in: small.',
    ],
    [
      { regions: ['centralindia', 'mars'] },
      'RegionUnknown',
      'The catalogue has no region "mars"; it has: centralindia, westeurope, northeurope.',
    ],
  ])('%o', (spec, reason, message) => {
    const { verdict, status } = pass({ session: sessionOf({ spec }) })
    expect(verdict.step).toBeUndefined()
    expect(verdict.stalled?.message).toContain(message)
    expect(status).toMatchObject({ phase: 'Failed', billing: { seconds: 0 } })
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True', reason }))
    expect(status.endReason).toBeUndefined() // Nothing is latched: a change of the catalogue mends it.
  })

  test('it goes on once the catalogue knows it', () => {
    const stalled = sessionOf({ spec: { game: 'tetris' } })
    const wiser = {
      ...catalogue,
      games: { ...catalogue.games, tetris: { title: 'T', image: 'windows', tiers: ['small'] } },
    }
    expect(wishOf(stalled, catalogue).fault?.reason).toBe('GameUnknown')
    expect(wishOf(stalled, wiser).wish?.sizes).toEqual(['Standard_A', 'Standard_B'])
  })

  test('a failed session is deleted when its time to live is over', () => {
    const spec = { game: 'tetris', ttlSecondsAfterFinished: 60 }
    const { status } = pass({ session: sessionOf({ spec }), now: at(0) })
    const verdictAt = (now: string) => pass({ session: sessionOf({ spec, status }), now }).verdict
    expect(verdictAt(at(20)).requeueAfterSeconds).toBe(40)
    expect(verdictAt(at(60)).step).toEqual({ do: 'DeleteSession' })
  })
})

describe('one player plays one session at a time', () => {
  const rival = (name: string, more: Parameters<typeof sessionOf>[0] = {}) => sessionOf({ name, ...more })
  const stepWith = (session: ReturnType<typeof sessionOf>, holdsMachine: boolean, uid = 'uid-evening') =>
    pass({ session: sessionOf({ metadata: { uid } }), observed: { rivals: [{ session, holdsMachine }] } })

  test('I1: the younger waits, and names the older', () => {
    const { verdict, status } = stepWith(rival('older', { metadata: { creationTimestamp: at(-5) } }), false)
    expect(verdict.step).toBeUndefined()
    expect(status.phase).toBe('Pending')
    expect(verdict.waiting).toMatchObject({ reason: 'PlayerBusy', message: expect.stringContaining('play/older') })
  })

  test.each([
    ['created in the same second, the smaller UID goes first', rival('a', { metadata: { uid: 'aaa' } }), false, true],
    ['created in the same second, the greater UID follows', rival('z', { metadata: { uid: 'zzz' } }), false, false],
    [
      'a younger one that has a machine keeps its turn',
      rival('y', { metadata: { creationTimestamp: at(9) } }),
      true,
      true,
    ],
    ['an ended one is not in the way', rival('o', { spec: { desiredState: 'Ended' } }), true, false],
    ['a paused one is not in the way', rival('o', { spec: { desiredState: 'Paused' } }), true, false],
    [
      'one that cannot begin is not in the way',
      rival('a', { spec: { game: 'tetris' }, metadata: { uid: 'aaa' } }),
      false,
      false,
    ],
    [
      'a suspended one is not in the way',
      rival('a', { metadata: { uid: 'aaa', annotations: { [SUSPEND_ANNOTATION]: '' } } }),
      false,
      false,
    ],
  ])('%s', (_case, session, holdsMachine, waits) => {
    expect(stepWith(session, holdsMachine).verdict.waiting?.reason === 'PlayerBusy').toBe(waits)
  })
})

describe('with nothing to be had', () => {
  test('it waits uncharged, says why, and looks again when the first refusal is over', () => {
    const { verdict, status } = pass({
      rulingOn: ({ priority }) => ({ code: 'SkuNotAvailable', leftSeconds: priority === 'Spot' ? 7 : 30 }),
    })
    expect(verdict).toMatchObject({ waiting: { reason: 'NoCapacity' }, requeueAfterSeconds: 7 })
    expect(verdict.waiting?.message).toContain(
      'Standard_A spot in centralindia was refused by Azure lately (SkuNotAvailable)',
    )
    expect(status).toMatchObject({ phase: 'Pending', billing: { seconds: 0 } })
  })

  test('an unknown price is not taken under a cap', () => {
    const session = sessionOf({ spec: { capacity: { preference: 'SpotFirst', maxHourlyPriceUsd: '0.5' } } })
    expect(pass({ session }).verdict.waiting).toMatchObject({ reason: 'PriceCap' })
  })

  test('a name that belongs to somebody else is said', () => {
    const { verdict } = pass({ observed: { takenNames: ['evening-centralindia'] } })
    expect(verdict.waiting).toMatchObject({ reason: 'MachineNameTaken' })
  })
})

test('in a region that is used by zones the machine is made in one, on a disk that can leave it', () => {
  const { step } = pass({ session: sessionOf({ spec: { regions: ['northeurope'] } }) }).verdict
  expect(step).toMatchObject({
    do: 'CreateMachine',
    spec: { region: 'northeurope', zone: '1', disks: { os: { sku: 'StandardSSD_ZRS' } } },
  })
  const { step: unzoned } = pass({ session: sessionOf() }).verdict
  expect(unzoned).toMatchObject({ do: 'CreateMachine', spec: { disks: { os: { sku: 'StandardSSD_LRS' } } } })
  expect(unzoned).not.toHaveProperty('spec.zone')
})

describe('I6: restored without its machine it goes on where Azure holds its disk', () => {
  const session = sessionOf({ spec: { regions: ['centralindia', 'westeurope'] } })

  test('however good another region is', () => {
    const { step } = pass({ session, observed: { heldIn: 'westeurope' } }).verdict
    expect(step).toMatchObject({ do: 'CreateMachine', spec: { region: 'westeurope', powerState: 'Running' } })
  })

  test('at rest where nothing is to be had there now: it takes up what it had, and is moved like any other', () => {
    const rulingOn = ({ region }: { region: string }) =>
      region === 'westeurope' ? { code: 'AllocationFailed', leftSeconds: 45 } : undefined
    const { step } = pass({ session, observed: { heldIn: 'westeurope' }, rulingOn }).verdict
    expect(step).toMatchObject({ do: 'CreateMachine', spec: { region: 'westeurope', powerState: 'Deallocated' } })
  })

  test('and waits like any other while the namespace has no room for its machine', () => {
    const notAdmitted = { reason: 'QuotaExceeded', message: 'The quota of the namespace admits no further GpuVm.' }
    const { verdict } = pass({ session, observed: { heldIn: 'westeurope', notAdmitted } })
    expect(verdict).toEqual({ waiting: notAdmitted, requeueAfterSeconds: 10 })
  })

  test('and says that the name of its machine there belongs to somebody else', () => {
    const observed = { heldIn: 'westeurope', takenNames: ['evening-westeurope'] }
    expect(pass({ session, observed }).verdict.waiting).toMatchObject({ reason: 'MachineNameTaken' })
  })

  test('and waits while Azure cannot be asked', () => {
    expect(pass({ session, observed: { heldIn: 'Unknown' } }).verdict).toMatchObject({
      waiting: { reason: 'AzureSilent' },
      requeueAfterSeconds: 5,
    })
  })
})
