// `make soak`: lives by lot until somebody stops it, or one fails. WASD_SEED and WASD_SCENARIO play one again: the same life
// in the same place. How the processes interleave is not played again.
import { randomInt } from 'node:crypto'
import { startWorld } from '../operator/support/world.ts'
import { lotOf, wordsOf } from '../random/lot.ts'
import { bySeed, playMany } from '../random/run.ts'

const { WASD_SEED, WASD_SCENARIO } = process.env
const seed = Number(WASD_SEED ?? randomInt(2 ** 31))
const only = WASD_SCENARIO === undefined ? undefined : Number(WASD_SCENARIO)
const BATCH = 100

let isStopped = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => (isStopped = true))

const world = await startWorld(bySeed(seed))
try {
  if (only !== undefined) {
    const lot = lotOf({ seed, index: only }, world.catalogue)
    process.stdout.write(`Scenario ${only} of seed ${seed}, ${wordsOf(lot)}\n`)
    process.stdout.write(
      `${JSON.stringify(await playMany(world, { seed, from: only, isEnough: before => before > 0 }))}\n`,
    )
  } else {
    process.stdout.write(`Lives by lot from seed ${seed}, until Ctrl-C.\n`)
    for (let from = 0; !isStopped; from += BATCH) {
      const outcome = await playMany(world, { seed, from, isEnough: before => isStopped || before >= BATCH })
      process.stdout.write(`${from + outcome.played} lives: ${JSON.stringify(outcome)}\n`)
    }
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
} finally {
  await world.stop()
}
