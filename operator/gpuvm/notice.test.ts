import { expect, test } from 'vitest'
import { notice } from './notice.ts'
import { now, playing, sight } from './sights.fixture.ts'

test("a notice from this incarnation's guest is looked into until its time is over, and believed by nobody", () => {
  const noticed = (preemptAt: string, incarnation = 1) =>
    notice(sight({ status: { ...playing, guest: { incarnation, preemptAt } } }))
  const soon = new Date(now.getTime() + 20_000).toISOString()
  const past = new Date(now.getTime() - 61_000).toISOString()
  expect(noticed(soon)).toEqual({ requeueAfterSeconds: 4 })
  expect(noticed(past)).toEqual({})
  expect(noticed(soon, 2)).toEqual({})
})
