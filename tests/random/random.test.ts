// Lives by lot on the real API server and Azure's real SDKs, every fourth a whole session's. What must hold is looked at
// after each step; when the faults are over each has to come to rest, and to leave nothing. `make proof` and `make soak`
// play more of them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Catalogue } from '../../crds/catalogue.ts'
import { startWorld, type World } from '../operator/support/world.ts'
import { lotOf } from './lot.ts'
import { places } from './place.ts'
import { type Planted, plants } from './plants.ts'
import { play } from './play.ts'
import { playSession } from './play-session.ts'
import { playMany } from './run.ts'
import { isBoundToBeEvicted, isBoundToBePlayedOut } from './scenario.ts'

const SCENARIOS = 100
/** Drawn once, so that a change of the code is told by this run and not the luck of the draw. */
const SEED = 20_261_126

/** The mistakes are planted in a region of their own, since lives leave their places with nothing to be had. */
const PLANTED = 'eastus'

let world: World
beforeAll(async () => {
  world = await startWorld({ azureArguments: [`--seed=${SEED}`], regionsLike: { westeurope: [PLANTED] } })
})
afterAll(async () => await world?.stop())

function ofLives({ regions, ...catalogue }: Catalogue): Catalogue {
  const { [PLANTED]: _planted, ...theirs } = regions
  return { ...catalogue, regions: theirs }
}

test.concurrent(`I1, I2, I3, I4, I6, I7: ${SCENARIOS} lives by lot each come to rest, and leave nothing`, async () => {
  const catalogue = ofLives(world.catalogue)
  const drawn = Array.from({ length: SCENARIOS }, (_, index) => lotOf({ seed: SEED, index }, catalogue).scenario)
  const bound = drawn.filter(isBoundToBeEvicted)
  expect(bound.length).toBeGreaterThan(10)
  expect(drawn.some(isBoundToBePlayedOut)).toBe(true)
  const outcome = await playMany({ ...world, catalogue }, { seed: SEED, isEnough: before => before >= SCENARIOS })
  console.info(outcome)
  expect(outcome.played).toBe(SCENARIOS)
  expect(outcome.sessions).toBe(SCENARIOS / 4)
  expect(outcome.evictions).toBeGreaterThanOrEqual(bound.length)
  expect(outcome.copies).toBeGreaterThan(5)
  expect(outcome.rests).toBeGreaterThan(10)
  const { Running, Deallocated, Deleted, Ended } = outcome.lasts
  expect(Math.min(Running, Deallocated, Deleted)).toBeGreaterThan(15)
  expect(Ended).toBeGreaterThan(2)
  expect(Object.keys(outcome.endings)).toEqual(expect.arrayContaining(['PlayerEnded', 'PaidTimeUsed']))
}, 300_000)

/** Of what finds it, so much is told. */
const TOLD = 100
const PAID_SECONDS = 2
/** Beyond what is awaited in a life: to be told what did not come, in place of that it took too long. */
const PLANTED_MILLISECONDS = 200_000

const found: { planted: string; by: string }[] = []
afterAll(() => console.table(found))

const planted: [string, Planted][] = Object.entries(plants)
test.concurrent.for(planted.map(([name, one], index) => ({ name, index, ...one })))(
  'a planted mistake is found: $name',
  { timeout: PLANTED_MILLISECONDS },
  async ({ name, index, plant, life, last = 'Running', neverComes, foundBy }, { onTestFinished }) => {
    const scene = await world.scene(`plant-${name.toLowerCase()}`, onTestFinished)
    const all = places(world).filter(({ region }) => region === PLANTED)
    const place = all[index % all.length] // Nothing is refused here, so that two may share one.
    if (place === undefined) throw new Error('There is no place to play in.')
    const stage = { world, scene, place, last, plant, neverComes, isRestWatched: true }
    const played =
      life.of === 'Session'
        ? playSession({ ...stage, paidSeconds: PAID_SECONDS }, life.actions)
        : play(stage, life.actions)
    const said = await played.then(
      outcome => `Nothing was found: ${JSON.stringify(outcome)}`,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    expect(said).toMatch(foundBy)
    found.push({ planted: name, by: foundBy.exec(said)?.[0].slice(0, TOLD) ?? '' })
  },
)
