// Time driven by hand, by which the proofs of the operator play: Azure, the machines' insides and whoever holds its clock.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { startGuests } from './support/guests.ts'
import { sharedAzure } from './support/shared-azure.ts'
import { byHand } from './support/time.ts'
import { SPEED } from './support/world.ts'

const azure = sharedAzure(['--clock=manual'])
const time = byHand(SPEED)
const { clock, during } = time
let isBehind = false
let guests: Awaited<ReturnType<typeof startGuests>> | undefined
beforeAll(async () => {
  guests = await startGuests({ azure: azure().about, speed: SPEED, args: ['--clock=manual'] })
  await time.begin({ azure: azure().about.listening, guests: guests.listening, isBehind: () => isBehind })
})
afterAll(async () => {
  await time.stop()
  await guests?.stop()
})

const timeShape = z.object({ time: z.coerce.date() })
const azureNow = async () => timeShape.parse(await azure().control('GET', 'state')).time.getTime()
/** Of the wall's: time that goes on goes on in less. */
const A_WHILE = 100
/** Milliseconds of the clock's that no single step takes. */
const TWO_STEPS = 25

test('goes on for all by itself, and wakes who sleeps', async () => {
  const before = clock.monotonic()
  await clock.sleep(5000)
  expect(clock.monotonic() - before).toBeGreaterThanOrEqual(5000)
  await during(async () => {
    await delay(A_WHILE) // Whatever step was under way is over.
    expect(Math.abs((await azureNow()) - clock.now().getTime())).toBeLessThan(1)
  })
})

test('stands still while anything is under way, whoever else is done', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const asked = during(() => promise)
  await delay(A_WHILE)
  const before = { clock: clock.monotonic(), azure: await azureNow() }
  await during(async () => undefined)
  await delay(A_WHILE)
  expect({ clock: clock.monotonic(), azure: await azureNow() }).toEqual(before)
  resolve()
  await asked
  await clock.sleep(1)
  expect(clock.monotonic()).toBeGreaterThan(before.clock)
})

test('stands still until what was written has been told, and does not wait for ever for what never is', async () => {
  isBehind = true
  await delay(A_WHILE)
  const before = clock.monotonic()
  await delay(A_WHILE)
  expect(clock.monotonic()).toBe(before)
  isBehind = false
  await clock.sleep(1)
  isBehind = true
  await clock.sleep(TWO_STEPS) // One of them may have begun before.
})
