// As many lives by lot as some minutes take, from a seed of its own each time. It is printed, and plays them again.
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorld, type World } from '../operator/support/world.ts'
import { playMany } from '../random/run.ts'

const MINUTES = 3
const seed = Number(process.env.WASD_SEED ?? randomInt(2 ** 31))

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => await world?.stop())

test(`I1, I2, I6: lives by lot from seed ${seed} each come to rest, and leave nothing`, async () => {
  const end = performance.now() + MINUTES * 60_000
  const outcome = await playMany(world, { seed, isEnough: () => performance.now() > end })
  console.info({ seed, ...outcome })
  expect(outcome.played).toBeGreaterThan(100)
}, 600_000)
