// A life by lot hangs on its seed and its number, and on nobody's pace.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { parseCatalogue } from '../../crds/catalogue.ts'
import { type Lot, lotOf, numbersByPlace, savesRegionOf, wordsOf } from './lot.ts'
import { places } from './place.ts'
import {
  type Action,
  isBoundToBeEvicted,
  isBoundToBePlayedOut,
  isBoundToEnd,
  isBoundToRest,
  type MachineAction,
  type Scenario,
  type SessionAction,
} from './scenario.ts'

const catalogue = parseCatalogue(await readFile('manifests/catalogue.yaml', 'utf8'))
const EACH = 10
const all = places({ catalogue })
const NUMBERS = Array.from({ length: 200 }, (_, index) => index)
const lots = (seed: number, numbers = NUMBERS) =>
  new Map(numbers.map((index): [number, Lot] => [index, lotOf({ seed, index }, catalogue)]))
const nameOf = ({ place: { region, sizes } }: Lot) => `${region} ${sizes[0]}`

function firstOf(numbers: Iterable<number>): number[] {
  const taken: number[] = []
  for (const number of numbers) if (taken.push(number) === EACH) break
  return taken
}

test('the same seed and number give the same life, place and beginning, whatever is drawn before', () => {
  const backwards = lots(7, NUMBERS.toReversed())
  for (const [index, lot] of lots(7)) expect(backwards.get(index)).toEqual(lot)
  expect(lots(8)).not.toEqual(lots(7))
})

test.for([0, 1, 37, 100])(
  'from number %i on each is played once, and in its own place, by whoever plays there',
  from => {
    const ways = numbersByPlace(catalogue, from)
    expect(ways).toHaveLength(all.length)
    const played = ways.flatMap((way, at) => firstOf(way).map(index => ({ index, at })))
    for (const { index, at } of played) expect(lotOf({ seed: 7, index }, catalogue).place).toEqual(all[at])
    const whole = NUMBERS.slice(0, (EACH - 1) * all.length).map(index => from + index)
    const numbers = played.map(({ index }) => index).sort((one, other) => one - other)
    expect(numbers.slice(0, whole.length)).toEqual(whole)
  },
)

test('sessions, machines and those watched at rest come to every place; copies to every one but their own', () => {
  const drawn = [...lots(7).values()]
  const placesOf = (of: (lot: Lot) => boolean) => new Set(drawn.filter(of).map(nameOf)).size
  expect(placesOf(({ scenario }) => scenario.of === 'Session')).toBe(all.length)
  expect(placesOf(({ scenario }) => scenario.of === 'Machine')).toBe(all.length)
  expect(placesOf(({ isRestWatched }) => isRestWatched)).toBe(all.length)
  const copies = drawn.filter(({ isCopy }) => isCopy)
  const home = savesRegionOf(catalogue)
  expect(new Set(copies.map(nameOf)).size).toBe(all.filter(({ region }) => region !== home).length)
  expect(copies.filter(({ scenario, place }) => scenario.of === 'Session' || place.region === home)).toEqual([])
  expect(drawn.filter(({ isRestWatched, scenario }) => isRestWatched && scenario.of === 'Session')).not.toEqual([])
})

test('a session names one to three regions, its own place’s first; each has others beside it somewhere', () => {
  const drawn = [...lots(7).values()]
  const sessions = drawn.filter(({ scenario }) => scenario.of === 'Session')
  expect(new Set(sessions.map(({ regions }) => regions.length))).toEqual(new Set([1, 2, 3]))
  for (const { regions, place } of drawn) {
    expect(regions[0]).toBe(place.region)
    expect(new Set(regions).size).toBe(regions.length)
  }
  const beside = sessions.flatMap(({ regions }) => regions.slice(1))
  expect(new Set(beside)).toEqual(new Set(Object.keys(catalogue.regions)))
})

const refuse = { do: 'RefuseCapacity', priority: 'Any', refusal: 'AllocationFailed' } as const
const spoil = { do: 'Fault', kind: 'GET operations', fault: { loseReply: true } } as const
const rest = { do: 'AwaitRest' } as const
const evict = { do: 'Evict' } as const

test.for<[Action[], boolean]>([
  [[], true],
  [[evict, { do: 'Pause' }, { do: 'KillOperator', afterWrites: 2 }, { do: 'DeleteVirtualMachine' }], true],
  [[refuse], false],
  [[spoil], false],
  [[{ do: 'Suspend' }], false],
  [[{ do: 'StaleLists', times: 1 }], false],
])('after %j it is bound to rest: %s', ([before, is]) => expect(isBoundToRest(before)).toBe(is))

test.for<[Action[], number, boolean]>([
  [[evict, { do: 'PayMore' }], 1, true],
  [[], 600, false],
  [[{ do: 'Pause' }], 1, false],
  [[refuse], 1, false],
])('after %j with %i s paid a session is bound to end: %s', ([before, paid, is]) =>
  expect(isBoundToEnd(before, paid)).toBe(is),
)

const machine = (...actions: MachineAction[]): Scenario => ({
  ...{ of: 'Machine', actions, last: 'Running', isWishedAmid: false },
})
const session = (paidSeconds: number, ...actions: SessionAction[]): Scenario => ({
  ...{ of: 'Session', actions, last: 'Running', isWishedAmid: false, paidSeconds, regions: 1 },
})

test.for<[Scenario, boolean]>([
  [machine(rest, evict), true],
  [machine({ do: 'ChangeSize' }, rest, evict), true],
  [machine(rest, refuse, evict), true],
  [session(600, rest, evict), true],
  [session(1, rest, evict), false],
  [session(600, { do: 'Leave' }, rest, evict), false],
  [machine(evict), false],
  [machine(rest), false],
  [machine(refuse, rest, evict), false],
  [machine({ do: 'Pause' }, rest, evict), false],
  [machine({ do: 'ChangePriority' }, rest, evict), false],
  [machine(evict, rest, evict), false],
])('of %j it is bound to be evicted: %s', ([scenario, is]) => expect(isBoundToBeEvicted(scenario)).toBe(is))

test.for<[Scenario, boolean]>([
  [session(1, evict, { do: 'AwaitEnd' }), true],
  [session(1, { do: 'Leave' }), false],
  [session(1, { do: 'End' }), false],
  [session(600), false],
  [machine(rest), false],
])('of %j all that is paid is bound to be used: %s', ([scenario, is]) =>
  expect(isBoundToBePlayedOut(scenario)).toBe(is),
)

test('a person is told where it is played, and what', () => {
  const lot = lotOf({ seed: 7, index: 0 }, catalogue)
  expect(wordsOf(lot)).toContain(lot.place.region)
  expect(wordsOf(lot)).toContain(lot.place.sizes[0])
  expect(wordsOf(lot)).toContain(lot.scenario.last)
  expect(wordsOf({ ...lot, isCopy: true })).toContain('from a copy of the saves')
})
