// Lives by lot on the real API server and Azure's real SDKs, every fourth a whole session's. What must hold is looked at
// after each step; when the faults are over each has to come to rest, and to leave nothing. `make proof` and `make soak`
// play more of them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../operator/support/world.ts'
import { places } from './place.ts'
import { plants } from './plants.ts'
import { play } from './play.ts'
import { playSession } from './play-session.ts'
import { playMany } from './run.ts'

const SCENARIOS = 100
/** Drawn once, so that a change of the code is told by this run and not the luck of the draw. */
const SEED = 20_261_126

let world: World
beforeAll(async () => {
  world = await startWorld({ azureArguments: [`--seed=${SEED}`] })
})
afterAll(async () => await world?.stop())

test(`I1, I2, I3, I4, I6, I7: ${SCENARIOS} lives by lot each come to rest, and leave nothing`, async () => {
  const outcome = await playMany(world, { seed: SEED, isEnough: before => before >= SCENARIOS })
  console.info(outcome)
  expect(outcome.played).toBe(SCENARIOS)
  expect(outcome.sessions).toBe(SCENARIOS / 4)
  expect(outcome.evictions).toBeGreaterThan(5)
  expect(outcome.copies).toBeGreaterThan(5)
  expect(outcome.rests).toBeGreaterThan(10)
  const { Running, Deallocated, Deleted, Ended } = outcome.lasts
  expect(Math.min(Running, Deallocated, Deleted)).toBeGreaterThan(15)
  expect(Ended).toBeGreaterThan(2)
  expect(Object.keys(outcome.endings)).toEqual(expect.arrayContaining(['PlayerEnded', 'PaidTimeUsed']))
}, 300_000)

/** Longer than whatever is right takes. */
const PATIENCE_SECONDS = 10
const evening = [{ do: 'AwaitRest' }, { do: 'Evict' }, { do: 'AwaitRest' }] as const
const paidSeconds = 2

const found: { planted: string; by: string }[] = []
afterAll(() => console.table(found))

test.concurrent.for(Object.entries(plants).map(([name, planted], index) => ({ name, index, ...planted })))(
  'a planted mistake is found: $name',
  async ({ name, index, plant, life, last = 'Running', foundBy }, { onTestFinished }) => {
    const scene = await world.scene(`plant-${name.toLowerCase()}`, onTestFinished)
    const all = places(world)
    const place = all[index % all.length] // Nothing is refused here, so that two may share one.
    if (place === undefined) throw new Error('There is no place to play in.')
    const stage = { world, scene, place, last, plant, patienceSeconds: PATIENCE_SECONDS, isRestWatched: true }
    const played =
      life === 'Session'
        ? playSession({ ...stage, paidSeconds }, [...evening, { do: 'AwaitEnd' }])
        : play(stage, [...evening])
    const said = await played.then(
      () => 'Nothing was found.',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    expect(said).toMatch(foundBy)
    found.push({ planted: name, by: foundBy.exec(said)?.[0] ?? '' })
  },
)
