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
  guests = await startGuests({ azure: azure().about, speed: SPEED, time, args: ['--clock=manual'] })
  await time.begin({ azure: azure().about.listening, guests: guests.listening, isBehind: () => isBehind })
})
afterAll(async () => {
  await time.stop().catch(() => undefined) // It says so in the last test.
  await guests?.stop()
})

const timeShape = z.object({ time: z.coerce.date() })
const azureNow = async () => timeShape.parse(await azure().control('GET', 'state')).time.getTime()
/** By the clock, once whatever step was under way is over. */
async function standing(): Promise<number> {
  const apart = async () => Math.abs((await azureNow()) - clock.now().getTime())
  await expect.poll(apart).toBeLessThan(1)
  return clock.monotonic()
}
/** Of the wall's: time that goes on goes on in less. */
const A_WHILE = 100
/** Milliseconds of the clock's, in steps: nobody waits so long by the wall. */
const BY_HAND = 5000

test('goes on by itself, and wakes who sleeps', async () => {
  const before = clock.monotonic()
  await clock.sleep(BY_HAND)
  expect(clock.monotonic() - before).toBeGreaterThanOrEqual(BY_HAND)
})

test('stands still for all while anything is under way, whoever else is done', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const asked = during(() => promise)
  const before = await standing()
  await during(async () => undefined)
  await delay(A_WHILE)
  expect(await standing()).toBe(before)
  resolve()
  await asked
  await clock.sleep(1)
  expect(clock.monotonic()).toBeGreaterThan(before)
})

test('stands still until what was written has been told', async () => {
  isBehind = true
  const before = await standing()
  await delay(A_WHILE)
  expect(await standing()).toBe(before)
  isBehind = false
  await clock.sleep(1)
  expect(clock.monotonic()).toBeGreaterThan(before)
})

test('what keeps it from going on is told to whoever asks for anything, and at its end', async () => {
  await guests?.stop()
  const told = async () => await during(async () => 'nothing').catch((error: unknown) => String(error))
  await expect.poll(told).not.toBe('nothing')
  await expect(time.stop()).rejects.toThrow(/ECONN|closed/)
})
