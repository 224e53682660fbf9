// Lives by lot on the real API server and Azure's real SDKs. What must hold is looked at after each step; when the
// faults are over each has to come to rest, and to leave nothing. `make proof` and `make soak` play more of them.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../operator/support/world.ts'
import { plants } from './plants.ts'
import { play } from './play.ts'
import { places, playMany } from './run.ts'
import type { Action } from './scenario.ts'

const SCENARIOS = 100
/** Drawn once, so that a change of the code is told by this run and not the luck of the draw. */
const SEED = 20_261_126

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

test(`I1, I2, I6: ${SCENARIOS} lives by lot each come to rest, and leave nothing`, async () => {
  const outcome = await playMany(world, { seed: SEED, isEnough: played => played >= SCENARIOS })
  console.info(outcome)
  expect(outcome.played).toBe(SCENARIOS)
  expect(outcome.evictions).toBeGreaterThan(10)
  expect(outcome.copies).toBeGreaterThan(5)
  expect(Math.min(...Object.values(outcome.lasts))).toBeGreaterThan(20)
}, 240_000)

const evening: Action[] = [{ do: 'AwaitRest' }, { do: 'Evict' }, { do: 'AwaitRest' }]

test.concurrent.for(Object.entries(plants).map(([name, planted], index) => ({ name, index, ...planted })))(
  'a planted mistake is found: $name',
  async ({ name, index, plant, last = 'Running', foundBy }, { onTestFinished }) => {
    const scene = await world.scene(`plant-${name.toLowerCase()}`, onTestFinished)
    const place = places(world)[index]
    if (place === undefined) throw new Error('There are more mistakes than places.')
    await expect(play({ world, scene, place, last, plant, patienceSeconds: 15 }, evening)).rejects.toThrow(foundBy)
  },
)
